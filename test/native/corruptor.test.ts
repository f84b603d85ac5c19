/**
 * Whatever is bent is found and named. CORRUPTIONS, those of the table, SHARD_CORRUPTIONS, those of the store, and
 * CORRUPTOR_SEED try more and others than are tried here.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import type pg from 'pg';
import type { CollectionPlan, ShardManifest } from '../../src/contract.ts';
import { ShardCorrupt } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { requireCollectionPlan } from '../../src/plan/plan-file.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { collectionChecksum, guideColumnMismatches } from '../../src/postgres/digest.ts';
import { layoutOf } from '../../src/postgres/layouts/layouts.ts';
import { importShard } from '../../src/shard/import-shard.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { findDiffering } from '../../src/verify/find-differing.ts';
import { addAwkwardCollection } from '../fixtures/awkward-records.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords } from '../fixtures/chroma-api.ts';
import { mulberry32 } from '../fixtures/clustered-vectors.ts';
import { Corruptor } from '../fixtures/corruptor.ts';
import { executeUntil } from '../fixtures/execution.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const CORRUPTIONS = Number(process.env.CORRUPTIONS ?? 1000);
/** A third of them flip bits, the others bend rows. */
const SHARD_CORRUPTIONS = Number(process.env.SHARD_CORRUPTIONS ?? 60);
const SEED = Number(process.env.CORRUPTOR_SEED ?? 20_261_124);
const RUN = 'corrupted';
const SCHEMA = 'docs';
const TABLES = `${SCHEMA}__incoming`;

describe('a corruptor', { skip: !process.env.DATABASE_URL && 'needs a native server' }, () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let database: Database;
  let folder: string;
  let store: ShardStore;
  let collection: CollectionPlan;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    const id = await addAwkwardCollection(chroma.url, SCHEMA);
    const numbers = Array.from({ length: 200 }, (_, at) => at);
    await addRecords(chroma.url, id, {
      ids: numbers.map((at) => `record ${at}`),
      embeddings: numbers.map((at) => [at, 1, -0.5, at / 7, 1e-3, -at, 3, 0.1]),
      documents: numbers.map((at) => (at % 3 === 0 ? null : `Dokument ${at}: größer 🦉`)),
      metadatas: numbers.map((at) => ({
        file_path: `src/${at}.ts`,
        chunk_index: at,
        start_line: 1,
        end_line: 9,
        language: 'ts',
        weight: at / 3,
      })),
      uris: numbers.map((at) => (at % 2 === 0 ? null : `s3://bucket/${at}`)),
    });
    database = openDatabase({ url: postgres.url });
    folder = await temporaryFolder('corruptor-');
    store = await openStore(folder);
    // Loaded, and not yet indexed: a key would refuse some of what is tried.
    await executeUntil(
      { chroma: chroma.url, target: postgres.url, store: folder, run: RUN },
      'StartIndexBuild',
    );
    collection = (await requireCollectionPlan(store, RUN, SCHEMA)).collections[0]!;
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  it(`changes ${CORRUPTIONS} records of a table, and each time verification finds it and names the record`, async () => {
    await database.withClient('test', async (client) => {
      const sound = await collectionChecksum(client, layoutOf(collection), TABLES);
      const corruptor = await Corruptor.of(client, TABLES, SEED);
      for (let number = 0; number < CORRUPTIONS; number++) {
        await client.query('begin');
        const { what, ids } = await corruptor.corrupt();
        const named = await namedAsDiffering(client, sound);
        await client.query('rollback');
        const told = `corruption ${number} of seed ${SEED} (${what}: ${ids.map((id) => JSON.stringify(id))})`;
        assert.ok(
          ids.some((id) => named.includes(id)),
          `${told} was not named: ${named}`,
        );
        assert.ok(named.length <= 2, `${told} has named others too: ${named}`);
      }
    });
  });

  it('flips bits of the objects in the store, and each time the import refuses the shard and names the object', async () => {
    const random = mulberry32(SEED);
    for (const name of ['documents', 'embeddings'] as const)
      for (let number = 0; number < SHARD_CORRUPTIONS / 6; number++) {
        const path = join(folder, keys[name](RUN, SCHEMA, 0));
        const bytes = await readFile(path);
        const flipped = Buffer.from(bytes);
        const at = Math.floor(random() * bytes.length);
        flipped[at] = flipped[at]! ^ (1 << Math.floor(random() * 8));
        await assertImports(path, flipped, null, (error: Error) => {
          assert.ok(error instanceof ShardCorrupt, `byte ${at} of ${name}: ${error.stack}`);
          assert.ok(error.message.includes(path), error.message);
        });
        await writeFile(path, bytes);
      }
  });

  it('drops, doubles, swaps and bends the rows of a shard with a manifest that agrees with them, and each time it is found and named', async () => {
    const random = mulberry32(SEED + 1);
    const below = (limit: number) => Math.floor(random() * limit);
    const any = <T>(choices: readonly T[]): T => choices[below(choices.length)] as T;
    for (let number = 0; number < (SHARD_CORRUPTIONS * 2) / 3; number++) {
      const name = any(['documents', 'embeddings'] as const);
      const path = join(folder, keys[name](RUN, SCHEMA, 0));
      const bytes = await readFile(path);
      const rows = rowsOf(bytes, name === 'documents' ? 10 : 3);
      const [one, other] = [below(rows.length), below(rows.length)];
      const way = any(['drop', 'double', 'swap vectors', 'flip'] as const);
      if (way === 'drop') rows.splice(one, 1);
      else if (way === 'double') rows.push(rows[one]!);
      else {
        // Of an embedding the last field is the vector; of a document the second is its id.
        const field = name === 'embeddings' ? 2 : 1;
        const [mine, theirs] = [rows[one]![field]!, rows[other]![field]!];
        if (way === 'flip') rows[one] = rows[one]!.with(field, lastBitFlipped(mine));
        else if (mine.equals(theirs)) continue;
        else {
          rows[one] = rows[one]!.with(field, theirs);
          rows[other] = rows[other]!.with(field, mine);
        }
      }
      await assertImports(path, copyOf(rows), rows.length, async (error) => {
        const told = `${way} in ${name}, ${number} of seed ${SEED + 1}`;
        // The counts of both tables are compared at the import already.
        if (error) return assert.ok(error instanceof ShardCorrupt, `${told}: ${error.stack}`);
        const expected = await database.withClient('test', (client) => namedAsDiffering(client, null));
        assert.ok(expected.length > 0 && expected.length <= 2, `${told}: ${expected}`);
      });
      await writeFile(path, bytes);
    }
  });

  /** Names of the records that verification finds to differ. @param sound what the tables should come to; null: as the ledger says */
  async function namedAsDiffering(
    client: pg.Client,
    sound: { records: number; checksum: string } | null,
  ): Promise<string[]> {
    const { rows } = await client.query<{ records: number; checksum: string }>(
      'select loaded as records, checksum::text from chroma_migration.shards where run = $1',
      [RUN],
    );
    const { records, checksum } = sound ?? rows[0]!;
    const found = await collectionChecksum(client, layoutOf(collection), TABLES);
    const { ids } = await guideColumnMismatches(client, TABLES);
    if (found.records === records && found.checksum === checksum) return ids;
    const digests = [keys.digests(RUN, SCHEMA, 0)];
    const exported = { collection, run: RUN, shards: [0], digests, repaired: [] };
    const { missing, unexpected, changed } = await findDiffering(client, store, exported, TABLES);
    return [...new Set([...missing, ...unexpected, ...changed, ...ids])];
  }

  /** Imports the shard anew with these bytes of one object. @param rows the manifest is made to agree with so many */
  async function assertImports(
    path: string,
    bytes: Buffer,
    rows: number | null,
    check: (error: Error) => unknown,
  ): Promise<void> {
    const manifestKey = keys.manifest(RUN, SCHEMA, 0);
    const manifestPath = join(folder, manifestKey);
    const written = await readFile(manifestPath, 'utf8');
    await writeFile(path, bytes);
    if (rows !== null) {
      const manifest = JSON.parse(written) as ShardManifest;
      const object = Object.values(manifest.objects).find(({ key }) => path.endsWith(key))!;
      object.bytes = bytes.length;
      Object.assign(object, { crc32: crc32(bytes).toString(16).padStart(8, '0') });
      await writeFile(manifestPath, JSON.stringify(manifest));
    }
    await database.withClient('test', (client) =>
      client.query(
        `delete from ${TABLES}.embeddings; delete from ${TABLES}.documents; delete from chroma_migration.shards`,
      ),
    );
    const shard = { run: RUN, schema: SCHEMA, collection: SCHEMA, number: 0, manifestKey };
    const error = await importShard({ database, store, log: silentLog }, shard).then(
      () => null,
      (failed: Error) => failed,
    );
    await check(error as Error);
    await writeFile(manifestPath, written);
  }
});

const HEADER_BYTES = 19;

/** Rows of a binary COPY file: the fields of each with their lengths. */
function rowsOf(bytes: Buffer, fields: number): Buffer[][] {
  const rows: Buffer[][] = [];
  let at = HEADER_BYTES;
  while (bytes.readInt16BE(at) === fields) {
    at += 2;
    const row: Buffer[] = [];
    for (let field = 0; field < fields; field++) {
      const end = at + 4 + Math.max(0, bytes.readInt32BE(at));
      row.push(bytes.subarray(at, end));
      at = end;
    }
    rows.push(row);
  }
  return rows;
}

function copyOf(rows: Buffer[][]): Buffer {
  const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
  const count = Buffer.alloc(2);
  count.writeInt16BE(rows[0]!.length);
  return Buffer.concat([header, ...rows.flatMap((row) => [count, ...row]), Buffer.from([0xff, 0xff])]);
}

function lastBitFlipped(field: Buffer): Buffer {
  const flipped = Buffer.from(field);
  flipped[flipped.length - 1] = flipped.at(-1)! ^ 1;
  return flipped;
}
