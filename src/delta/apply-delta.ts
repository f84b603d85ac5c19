import pg from 'pg';
import { VerificationFailed } from '../errors.ts';
import { incomingSchema } from '../postgres/collection-schema.ts';
import { collectionChecksum } from '../postgres/digest.ts';
import { guide } from '../postgres/layouts/guide.ts';
import { isLeft, readExpected } from './expected.ts';
import { digestsWithIds } from './live-digests.ts';
import { upsertStaged } from './upsert.ts';

/** Records that an error names. */
const NAMED = 10;

/**
 * Brings live tables up to date from the rows that were staged, within the caller's transaction: readers see the tables
 * as they were until it commits. Every record that the tables then hold is digested again; if one is not as it must be,
 * nothing of it stays. Where nothing differs, nothing is written.
 *
 * @throws VerificationFailed, UpdateImpossible
 */
export async function applyDelta(
  client: pg.Client,
  run: string,
  schema: string,
  deleteMissing: boolean,
): Promise<void> {
  const live = pg.escapeIdentifier(schema);
  const incoming = pg.escapeIdentifier(incomingSchema(schema));
  // Readers go on; whoever else would write waits until this is committed and verified.
  await client.query(`lock table ${live}.documents, ${live}.embeddings in share row exclusive mode`);
  // Embeddings go with their documents: the foreign key says so.
  const left = `from ${incoming}.differing f where ${isLeft('f', incoming)}`;
  await upsertStaged(
    client,
    { schema, live, staged: incoming },
    deleteMissing ? [`delete from ${live}.documents where id in (select f.id ${left})`] : [],
  );
  const expected = await readExpected(client, schema);
  const found = await collectionChecksum(client, guide, schema);
  if (found.records !== expected.records || found.checksum !== expected.checksum)
    throw new VerificationFailed(
      `The tables of schema "${schema}" would not hold what Chroma holds (${found.records} records for ${expected.records}; ${await differing(client, schema, incoming)}), and are left as they were: somebody else has written to them since run "${run}" compared them, so start a new run with --update-existing.`,
    );
  await client.query(
    `update chroma_migration.collections set target_checksum = $3, target_records = $4, kept = $5
      where run = $1 and schema = $2`,
    [run, schema, found.checksum, found.records, expected.kept],
  );
  await client.query(`drop schema ${incoming} cascade`);
}

async function differing(client: pg.Client, schema: string, incoming: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `select coalesce(l.source_id, e.id::text) as id
       from ${incoming}.expected e full join (${digestsWithIds(schema)}) l on l.id = e.id
      where e.digest is distinct from l.digest order by 1 limit ${NAMED}`,
  );
  return `differing: ${rows.map(({ id }) => JSON.stringify(id)).join(', ')}`;
}
