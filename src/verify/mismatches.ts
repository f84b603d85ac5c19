import type { CollectionPlan } from '../contract.ts';
import { VerificationFailed } from '../errors.ts';
import { distancesDiffer } from './exact-searches.ts';
import type { ExpectedRows } from './expected-rows.ts';
import type { Verification } from './verification.ts';

type Finding = Pick<
  Verification,
  | 'records'
  | 'dimension'
  | 'checksum'
  | 'differing'
  | 'metadataMismatches'
  | 'zeroVectors'
  | 'sparseColumns'
  | 'searches'
>;

/** A sentence for each thing that is not as it should be. */
export function mismatchesOf(
  { dimension: planned, sparseColumns: asked = [] }: CollectionPlan,
  rows: ExpectedRows,
  finding: Finding,
): string[] {
  const { records, dimension, checksum, differing, metadataMismatches, sparseColumns, searches } = finding;
  const mismatches: string[] = [];
  const note = (wrong: boolean, sentence: string) => wrong && mismatches.push(sentence);
  note(
    records.loaded + records.rejected + records.vanished !== records.planned,
    `${records.planned} records were planned, ${records.loaded} loaded, ${records.rejected} rejected and ${records.vanished} vanished.`,
  );
  note(
    records.target !== rows.records,
    `The tables hold ${records.target} records and ${rows.records} were loaded.`,
  );
  note(
    checksum.source !== checksum.target,
    `The checksum is ${checksum.target} and should be ${checksum.source}.`,
  );
  for (const [kind, ids] of Object.entries(differing))
    note(
      ids.length > 0,
      `${kind}: ${ids
        .slice(0, 10)
        .map((id) => JSON.stringify(id))
        .join(', ')}.`,
    );
  note(
    planned !== null && records.target > 0 && dimension.target !== planned,
    `The embedding column has ${dimension.target} dimensions and the collection ${planned}.`,
  );
  note(
    metadataMismatches > 0,
    `${metadataMismatches} rows have guide columns that their metadata does not say.`,
  );
  for (const { column, differing: ids } of sparseColumns)
    note(ids.length > 0, `Column "${column}" holds other sparse vectors than the metadata.`);
  for (const { column } of asked)
    note(
      !sparseColumns.some((found) => found.column === column),
      `The tables have no column "${column}" of sparse vectors.`,
    );
  note(
    distancesDiffer(searches.largestDistanceDifference, planned ?? 1),
    `Distances differ from Chroma's by ${searches.largestDistanceDifference}.`,
  );
  note(searches.indexUsed === false, `Searches cannot use the index ${searches.indexName}.`);
  return mismatches;
}

/** One error for all collections that did not arrive as they are. */
export function verificationFailed(failed: Verification[]): VerificationFailed {
  const sentences = failed.map(({ collection, mismatches }) => {
    const said = mismatches.map((mismatch) => mismatch.replace(/\.$/, '')).join('; ');
    return `collection "${collection}": ${said}`;
  });
  return new VerificationFailed(
    `What Postgres holds is not what Chroma holds (${sentences.join(' / ')}): migrate again, best while nobody writes to Chroma.`,
  );
}
