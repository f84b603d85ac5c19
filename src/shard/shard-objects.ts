import type { ShardItem, ShardManifest } from '../contract.ts';
import { COPY_HEADER, COPY_TRAILER } from '../copy/copy-buffer.ts';
import type { EncodedPage } from '../copy/shard-encoder.ts';
import { type CopyObject, TABLE_ROWS } from '../copy/table-rows.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { ObjectWriter } from './object-writer.ts';

type ObjectName = CopyObject | 'records' | 'digests' | 'rejects' | 'vanished';

/** The objects of one shard, written side by side. */
export class ShardObjects {
  readonly #shard: ShardItem;
  readonly #store: ShardStore;
  readonly #writers = new Map<ObjectName, ObjectWriter>();
  /** Objects of COPY streams. */
  readonly #copies: readonly CopyObject[];
  #written = 0;
  #rejected = 0;

  constructor(store: ShardStore, shard: ShardItem) {
    this.#store = store;
    this.#shard = shard;
    this.#open('digests');
    const isLoaded = shard.content === 'rows';
    this.#copies =
      isLoaded && shard.format === 'pgcopy' ? TABLE_ROWS[shard.layout].map(({ object }) => object) : [];
    if (isLoaded && shard.format === 'jsonl') this.#open('records');
  }

  get rejected(): number {
    return this.#rejected;
  }

  async begin(): Promise<void> {
    await Promise.all(this.#copies.map((object) => this.#open(object).write(COPY_HEADER)));
  }

  async write(page: EncodedPage): Promise<void> {
    this.#written += page.written;
    this.#rejected += page.rejects.length;
    if (page.rejects.length > 0) {
      const lines = page.rejects.map((reject) => `${JSON.stringify(reject)}\n`).join('');
      await this.#open('rejects').write(Buffer.from(lines));
    }
    await Promise.all([
      ...this.#copies.map((object) => this.#open(object).write(page.copies[object] as Buffer)),
      this.#writers.get('records')?.write(page.records),
      this.#writers.get('digests')?.write(page.digests),
    ]);
  }

  /** @param ids JSON texts of the ids that Chroma no longer held */
  async writeVanished(ids: readonly Buffer[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#open('vanished').write(Buffer.from(ids.map((id) => `${id.toString('utf8')}\n`).join('')));
  }

  async finish() {
    await Promise.all(this.#copies.map((object) => this.#open(object).write(COPY_TRAILER)));
    const stored = await Promise.all(
      [...this.#writers].map(async ([name, writer]) => [name, await writer.finish()] as const),
    );
    return {
      written: this.#written,
      rejected: this.#rejected,
      stored: Object.fromEntries(stored) as ShardManifest['objects'],
    };
  }

  async abort(reason: Error): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.abort(reason)));
  }

  #open(name: ObjectName): ObjectWriter {
    const { run, schema, number } = this.#shard;
    const writer = this.#writers.get(name) ?? new ObjectWriter(this.#store, keys[name](run, schema, number));
    this.#writers.set(name, writer);
    return writer;
  }
}
