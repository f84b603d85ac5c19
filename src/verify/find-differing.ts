import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { COPY_HEADER, COPY_TRAILER, CopyBuffer } from '../copy/copy-buffer.ts';
import { readCopy } from '../copy/read-copy.ts';
import { digestsQuery } from '../postgres/digest.ts';
import { keys } from '../store/keys.ts';
import { ObjectMissing, type ShardStore } from '../store/store.ts';
import type { Verification } from './verification.ts';

/** Records of each kind that are named. */
const NAMED = 100;
/** One record of digests.bin: id (16) and digest (8). */
const DIGEST_RECORD_BYTES = 24;

/**
 * Names the records by which a table differs from what was exported: the shards' digests are loaded beside
 * it and joined. Runs only after counts or checksums have differed.
 */
export async function findDiffering(
  client: pg.Client,
  store: ShardStore,
  { run, schema, shards }: { run: string; schema: string; shards: readonly number[] },
  target: string,
): Promise<Verification['differing']> {
  await client.query('create temporary table exported (id uuid, digest bigint)');
  for (const shard of shards) {
    const copy = client.query(copyFrom('copy exported from stdin (format binary)'));
    const digests = await store.read(keys.digests(run, schema, shard));
    await pipeline(Readable.from(digestRows(digests)), copy);
  }
  const { rows } = await client.query<{
    kind: keyof Verification['differing'];
    id: string;
    source_id: string | null;
  }>(
    `with stored as (${digestsQuery(target)}), compared as (
       select coalesce(e.id, s.id) as id, s.source_id,
              case when s.id is null then 'missing' when e.id is null then 'unexpected' else 'changed' end as kind
         from exported e full join stored s on s.id = e.id
        where e.digest is distinct from s.digest)
     select kind, id, source_id from
       (select *, row_number() over (partition by kind order by id) as place from compared) ranked
      where place <= ${NAMED}`,
  );
  await client.query('drop table exported');
  const named = await namesOf(
    store,
    { run, schema, shards },
    rows.filter(({ kind }) => kind === 'missing').map(({ id }) => id),
  );
  const of = (kind: string) =>
    rows.filter((row) => row.kind === kind).map((row) => row.source_id ?? named.get(row.id) ?? row.id);
  return { missing: of('missing'), unexpected: of('unexpected'), changed: of('changed') };
}

async function* digestRows(digests: Readable): AsyncGenerator<Buffer> {
  yield COPY_HEADER;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of digests as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([rest, chunk]);
    const rows = new CopyBuffer(bytes.length * 2);
    let at = 0;
    for (; at + DIGEST_RECORD_BYTES <= bytes.length; at += DIGEST_RECORD_BYTES) {
      rows.row(2);
      rows.field(bytes.subarray(at, at + 16));
      rows.field(bytes.subarray(at + 16, at + DIGEST_RECORD_BYTES));
    }
    rest = bytes.subarray(at);
    yield rows.take();
  }
  yield COPY_TRAILER;
}

/** Chroma's ids of records that the table does not have, from the shards' own rows. */
async function namesOf(
  store: ShardStore,
  { run, schema, shards }: { run: string; schema: string; shards: readonly number[] },
  ids: string[],
): Promise<Map<string, string>> {
  const wanted = new Set(ids.map((id) => id.replaceAll('-', '')));
  const names = new Map<string, string>();
  for (const shard of shards) {
    if (names.size === wanted.size) break;
    const rows = await store.read(keys.documents(run, schema, shard)).catch((error) => {
      // Shards of JSON lines have no such object: their missing records keep their UUID.
      if (error instanceof ObjectMissing) return null;
      throw error;
    });
    if (!rows) continue;
    for await (const [id, sourceId] of readCopy(rows)) {
      const hex = id?.toString('hex') ?? '';
      if (wanted.has(hex))
        names.set(hex.replace(UUID_PARTS, '$1-$2-$3-$4-$5'), sourceId?.toString('utf8') ?? '');
    }
  }
  return names;
}

const UUID_PARTS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;
