/**
 * The vector stores of PyPI find migrated records by their own searches and filters: docs/layouts.md has their lines.
 * Needs CHROMA_COMMAND, beside which is the Python that has them (.ci/python-tools.sh installs it).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { addRecords } from '../fixtures/chroma-api.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { migrateInProcess } from '../fixtures/migrate-in-process.ts';
import { recordsOfChroma } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { nearestByCosine } from '../layouts/nearest.ts';

const chromaCommand = process.env.CHROMA_COMMAND;
assert.ok(chromaCommand, 'CHROMA_COMMAND names a command beside the Python that has the libraries');
const python = join(dirname(chromaCommand), 'python');
const script = fileURLToPath(new URL('layout_clients.py', import.meta.url));

const DIMENSION = 16;
/** A record has nine neighbours in its file, by metadata. */
const FILE = 'src/file-4.ts';
const NEW_ID = '11111111-1111-4111-8111-111111111111';

async function answersOf(command: string, given: object): Promise<Record<string, unknown>> {
  const child = spawn(python, [script, command], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify(given));
  const [output, errors, [code]] = await Promise.all([
    child.stdout.toArray(),
    child.stderr.toArray(),
    once(child, 'close'),
  ]);
  assert.equal(code, 0, Buffer.concat(errors).toString());
  return JSON.parse(Buffer.concat(output).toString());
}

describe('the libraries of PyPI', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let query: number[];
  let expected: Record<string, unknown>;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    const id = await fillCollection(chroma.url, {
      ...{ name: 'docs', dimension: DIMENSION, records: 200, space: 'cosine' },
      documents: (index) => (index === 44 ? null : `Document ${index}`),
    });
    await addRecords(chroma.url, id, {
      ids: ['node-1'],
      embeddings: [Array(DIMENSION).fill(-1)],
      documents: ['a node of LlamaIndex'],
      metadatas: [await answersOf('node', {})],
    });
    const records = await recordsOfChroma(chroma.url, id);
    query = [...records.get('record-17')!.embedding];
    const number = (record: string) => Number(record.replace('record-', ''));
    expected = {
      nearest: nearestByCosine(records, query, 5),
      'in file': nearestByCosine(records, query, 5, (record) => Math.floor(number(record) / 10) === 4),
      late: nearestByCosine(records, query, 5, (record) => number(record) % 10 >= 7),
      first: ['Document 17', 'src/file-1.ts', 7],
      'without text': [''],
      added: [NEW_ID],
      deleted: [],
    };
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  const migrate = async (layout: 'langchain' | 'llamaindex') =>
    migrateInProcess(
      { chroma: chroma.url, target: postgres.url, store: await temporaryFolder('clients-') },
      ...([`run-${layout}`, { layout }] as const),
    );
  const ask = async (command: string) => {
    const { distance, ...answers } = await answersOf(command, {
      ...{ url: postgres.url, query, dimension: DIMENSION, file: FILE },
    });
    assert.ok(Math.abs(distance as number) < 1e-6, `${distance}`);
    return answers;
  };

  it("find what --layout langchain brought: LangChain's PGVector and PGVectorStore", async () => {
    await migrate('langchain');
    for (const store of ['PGVector', 'PGVectorStore psycopg', 'PGVectorStore asyncpg'])
      assert.deepEqual(await ask(store), expected, store);
  });

  it("find what --layout llamaindex brought: LlamaIndex' PGVectorStore, its own nodes too", async () => {
    await migrate('llamaindex');
    const { node, ...answers } = await ask('LlamaIndex');
    assert.deepEqual(answers, expected);
    assert.deepEqual(node, ['node-1', 'source-1', 'a node of LlamaIndex', { kind: 'node' }]);
  });
});
