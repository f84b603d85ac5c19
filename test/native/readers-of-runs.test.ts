/** What readers see while runs publish over what they read. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords, deleteCollection } from '../fixtures/chroma-api.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const READERS = 4;
const DIMENSION = 16;
/** Records of each version: two collections that are published together, the second with one more. */
const VERSIONS: Record<string, number> = { one: 400, two: 650 };

/** Each answers with the versions that it saw and how many rows of it, in all of its parts. */
const READS: { sql: string; rows(records: number): number }[] = [
  {
    sql: `select array_agg(distinct content || coalesce(e.model, '')) as versions, count(*)::int as rows
            from docs.documents d join docs.embeddings e on e.document_id = d.id`,
    rows: (records) => records,
  },
  {
    sql: `select array_agg(distinct content) as versions, count(*)::int as rows
            from (select content from docs.documents union all select content from notes.documents) both_of_them`,
    rows: (records) => 2 * records + 1,
  },
  {
    sql: `select array_agg(distinct content) as versions, count(*)::int as rows
            from (select content from notes.documents union all select content from docs.documents) both_of_them`,
    rows: (records) => 2 * records + 1,
  },
  {
    sql: `select array_agg(distinct content) as versions, count(*)::int as rows from docs.search_similar($1::vector, 10, -1e9)`,
    rows: () => 10,
  },
  {
    sql: `select array_agg(distinct content) as versions, count(*)::int as rows from docs.search_nearest($1::vector, 10)`,
    rows: () => 10,
  },
];

describe('readers of a collection, while it is published, published again and rolled back', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let store: string;
  let rollingBack: boolean;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    store = await temporaryFolder('readers-');
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  it('never see an error, a missing table, a part of a version, or a mix of two', async () => {
    const stop = new AbortController();
    const readers = Array.from({ length: READERS }, () => readInLoop(stop.signal));
    const published: string[] = [];
    rollingBack = false;
    try {
      for (const version of Object.keys(VERSIONS)) {
        await fill(version);
        await command('migrate', '--source', chroma.url, '--store', store, '--run', version);
        published.push(version);
      }
      // One collection after the other, so that between them both versions are live.
      rollingBack = true;
      for (const _ of [1, 2]) {
        await command('rollback', '--collection', 'docs');
        await command('rollback', '--collection', 'notes');
      }
    } finally {
      stop.abort();
    }
    for (const { seen, wrong, reads } of await Promise.all(readers)) {
      assert.deepEqual(wrong, []);
      assert.deepEqual([...seen].sort(), published);
      assert.ok(reads > 100, `${reads} reads`);
    }
  });

  /** Reads until it is told to stop. Until its first answer there may be no tables yet, afterwards there always are. */
  async function readInLoop(until: AbortSignal) {
    const client = new pg.Client(postgres.url);
    await client.connect();
    const seen = new Set<string>();
    const wrong: string[] = [];
    let reads = 0;
    try {
      for (let at = 0; !until.aborted; at++) {
        const { sql, rows: expected } = READS[at % READS.length]!;
        const values = sql.includes('$1') ? [`[${Array(DIMENSION).fill(0.1)}]`] : [];
        // Every other one prepared, so that its plan outlives the tables that it was made for.
        const name = at % 2 === 0 ? {} : { name: `read ${at % READS.length}` };
        try {
          const { versions, rows } = (await client.query({ text: sql, values, ...name })).rows[0];
          reads++;
          for (const version of versions) seen.add(version);
          const isMix = versions.length !== 1 && !(rollingBack && sql.includes('both_of_them'));
          const isPart = versions.length === 1 && rows !== expected(VERSIONS[versions[0]]!);
          if (isMix || isPart) wrong.push(`${versions}: ${rows} rows of ${sql}`);
        } catch (error) {
          if (reads > 0) wrong.push(`${error}: ${sql}`);
        }
      }
    } finally {
      await client.end();
    }
    return { seen, wrong, reads };
  }

  async function fill(version: string): Promise<void> {
    const records = VERSIONS[version]!;
    for (const [name, more] of [
      ['docs', 0],
      ['notes', 1],
    ] as const) {
      if (version !== 'one') await deleteCollection(chroma.url, name);
      const content = { records, dimension: DIMENSION, documents: () => version };
      const id = await fillCollection(chroma.url, { name, ...content });
      if (more > 0)
        await addRecords(chroma.url, id, {
          ...{ ids: ['one more'], embeddings: [Array(DIMENSION).fill(1)], documents: [version] },
        });
    }
  }

  async function command(name: string, ...options: string[]): Promise<void> {
    const { code, stderr } = await runCommand([name, '--target', postgres.url, '--json', ...options]);
    assert.equal(code, 0, stderr);
  }
});
