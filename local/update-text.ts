/** What an import that updated live tables in place says at its end. */
import type { Certificate, CertifiedCollection } from '../src/report/certificate.ts';
import { alignedTable } from './summary.ts';

/** What an update did to one collection. */
export interface Updated {
  collection: string;
  schema: string;
  added: number;
  updated: number;
  unchanged: number;
  rejected: number;
  repeated: number;
  /** null if it was not looked at. */
  kept: number | null;
  keptCertifiedBy: string | null;
  /** Of the files' records: digests of what was read, and of what the live tables hold; null if they were not compared. */
  checksum: { source: string; target: string } | null;
}

export function updatedOf({ files, ...certified }: CertifiedCollection): Updated {
  const { collection, schema, rejected, kept, records } = certified;
  const { added, changed, unchanged, repeated, keptCertifiedBy, checksum } = files!;
  const { source, target } = checksum;
  return {
    ...{ collection, schema, added, updated: changed, unchanged, rejected, repeated, keptCertifiedBy },
    kept: records === null ? null : kept,
    checksum: target === null ? null : { source, target },
  };
}

const count = new Intl.NumberFormat('en');

/** @param place where the certificate lies */
export function updateText({ collections }: Certificate, place: string, warnings: readonly string[]): string {
  const header = ['collection', 'schema', 'added', 'updated', 'unchanged', 'rejected', 'kept', 'checksums'];
  const updated = collections.map(updatedOf);
  const rows = updated.map((one) => [
    ...[one.collection, one.schema],
    ...[one.added, one.updated, one.unchanged, one.rejected].map((number) => count.format(number)),
    one.kept === null ? '–' : count.format(one.kept),
    one.checksum === null ? 'not compared' : 'equal',
  ]);
  const notes = [...warnings, ...updated.flatMap(noteOf)];
  return [
    ...alignedTable([header, ...rows], 2),
    '',
    `Certificate: ${place}`,
    ...notes.flatMap((note) => ['', `Note: ${note}`]),
  ].join('\n');
}

function noteOf({ collection, kept, keptCertifiedBy }: Updated): string[] {
  if (kept === null)
    return [`The tables of "${collection}" were not looked at: no certificate speaks of them from now on.`];
  if (kept === 0 || keptCertifiedBy !== null) return [];
  return [
    `Of "${collection}" the files do not speak of ${count.format(kept)} records. No certificate before says that they are as they should be: they are certified as they were found.`,
  ];
}
