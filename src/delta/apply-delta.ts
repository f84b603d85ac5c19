import pg from 'pg';
import { TABLE_ROWS } from '../copy/table-rows.ts';
import { UpdateImpossible, VerificationFailed } from '../errors.ts';
import { incomingSchema } from '../postgres/collection-schema.ts';
import { collectionChecksum } from '../postgres/digest.ts';
import { SQLSTATE } from '../postgres/errors.ts';
import { guide } from '../postgres/layouts/guide.ts';
import { isLeft, readExpected } from './expected.ts';
import { digestsWithIds } from './live-digests.ts';

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
  try {
    await client.query(statements(live, incoming, deleteMissing).join(';'));
  } catch (error) {
    throw refusal(error, schema);
  }
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

function statements(live: string, incoming: string, deleteMissing: boolean): string[] {
  const left = `from ${incoming}.differing f where ${isLeft('f', incoming)}`;
  return [
    // Embeddings go with their documents: the foreign key says so.
    ...(deleteMissing ? [`delete from ${live}.documents where id in (select f.id ${left})`] : []),
    // Two records may exchange their places in a file, which the unique key would take for a conflict on the way.
    `update ${live}.documents d set chunk_index = null from ${incoming}.documents staged
      where staged.id = d.id and d.chunk_index is not null
        and (staged.file_path, staged.chunk_index) is distinct from (d.file_path, d.chunk_index)`,
    ...TABLE_ROWS.guide.map(({ object, columns }) => upsert(live, incoming, object, columns)),
  ];
}

function upsert(live: string, incoming: string, table: string, columns: readonly string[]): string {
  const also = table === 'documents' ? ', updated_at = now()' : '';
  const all = columns.join(', ');
  const changed = columns
    .filter((column) => column !== 'id')
    .map((column) => `${column} = excluded.${column}`);
  return `insert into ${live}.${table} (${all}) select ${all} from ${incoming}.${table}
          on conflict (id) do update set ${changed.join(', ')}${also}`;
}

/** What of the change a key or an index of the live tables does not take. */
function refusal(error: unknown, schema: string): unknown {
  const { code, message, detail, constraint } = error as pg.DatabaseError;
  const keyTaken = code === SQLSTATE.uniqueViolation && constraint !== undefined;
  if (!keyTaken && code !== SQLSTATE.programLimitExceeded) return error;
  return new UpdateImpossible(
    `The live tables of schema "${schema}" cannot take what changed (${message}${detail ? `: ${detail}` : ''}) and are left as they were: drop that key or index, or migrate the collection anew without --update-existing.`,
    { cause: error },
  );
}

async function differing(client: pg.Client, schema: string, incoming: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `select coalesce(l.source_id, e.id::text) as id
       from ${incoming}.expected e full join (${digestsWithIds(schema)}) l on l.id = e.id
      where e.digest is distinct from l.digest order by 1 limit ${NAMED}`,
  );
  return `differing: ${rows.map(({ id }) => JSON.stringify(id)).join(', ')}`;
}
