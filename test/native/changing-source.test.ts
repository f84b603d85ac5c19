/** Somebody writes to Chroma without pause while a migration and two delta passes run, and then stops. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { deleteRecords, type Records, sendText, updateRecords } from '../fixtures/chroma-api.ts';
import { mulberry32 } from '../fixtures/clustered-vectors.ts';
import { runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const DIMENSION = 64;
const RECORDS = 2000;

let chroma: TestChroma;
let postgres: TestPostgres;
before(async () => {
  [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
});
after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

test('both sides are equal, record by record, after the pass that follows the last write', async () => {
  const id = await fillCollection(chroma.url, { name: 'docs', dimension: DIMENSION, records: RECORDS });
  const store = await temporaryFolder('changing-');
  const writer = new Writer(id);
  const writing = writer.write();
  const migrate = (run: string, ...options: string[]) =>
    runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
      ...['--shard-bytes', '64k', '--run', run, ...options],
    ]);
  const delta = ['--update-existing', '--delete-missing'];
  for (const [run, options] of [
    ['whole', []],
    ['first', delta],
    ['second', delta],
  ] as const) {
    const before = writer.writes;
    const { code, json, stderr } = await migrate(run, ...options);
    assert.equal(code, 0, stderr);
    assert.equal(json.collections[0]!.unexplained, 0);
    assert.ok(writer.writes > before, 'nothing was written meanwhile');
  }
  writer.stop();
  await writing;
  const { code, json, stderr } = await migrate('last', ...delta);
  assert.equal(code, 0, stderr);
  const { added, changed, missing } = json.collections[0]!.delta!;
  assert.ok(added.count + changed.count + missing.count > 0, 'the last pass had nothing to do');
  const place = { chroma: chroma.url, collectionId: id, target: postgres.url, schema: 'docs' };
  assert.ok((await assertArrived(place)) > 0);
});

/** Adds, changes and deletes a few records of all ages at a time. */
class Writer {
  writes = 0;
  #stopped = false;
  readonly #collection: string;
  readonly #next = mulberry32(7);
  readonly #ids = Array.from({ length: RECORDS }, (_, at) => `record-${at}`);

  constructor(collection: string) {
    this.#collection = collection;
  }

  stop(): void {
    this.#stopped = true;
  }

  async write(): Promise<void> {
    while (!this.#stopped) {
      await this.#add();
      await updateRecords(chroma.url, this.#collection, this.#records(this.#some(5)));
      const gone = this.#some(2);
      await deleteRecords(chroma.url, this.#collection, gone);
      for (const id of gone) this.#ids.splice(this.#ids.indexOf(id), 1);
      this.writes++;
      await sleep(20);
    }
  }

  async #add(): Promise<void> {
    const ids = Array.from({ length: 3 }, (_, at) => `new-${this.writes}-${at}`);
    const body = JSON.stringify(this.#records(ids));
    const { status, text } = await sendText(chroma.url, 'POST', `/${this.#collection}/upsert`, body);
    assert.ok(status < 300, text);
    this.#ids.push(...ids);
  }

  #some(count: number): string[] {
    const places = Array.from({ length: count }, () => Math.floor(this.#next() * this.#ids.length));
    return [...new Set(places)].map((place) => this.#ids[place] as string);
  }

  #records(ids: string[]): Records {
    return {
      ids,
      embeddings: ids.map(() => Array.from({ length: DIMENSION }, () => this.#next() - 0.5)),
      documents: ids.map((id) => `${id}, written at ${this.writes}`),
      metadatas: ids.map(() => ({ writes: this.writes })),
    };
  }
}
