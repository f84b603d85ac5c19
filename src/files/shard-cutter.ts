import { scanLines } from '../chroma/scan-lines.ts';
import type { CollectionPlan, Reject, ShardItem, ShardManifest } from '../contract.ts';
import { addChecksums } from '../copy/digest.ts';
import { type EncodedPage, ShardEncoder } from '../copy/shard-encoder.ts';
import { TABLE_ROWS } from '../copy/table-rows.ts';
import { ShardObjects } from '../shard/shard-objects.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { SampledRecords } from './sampled-records.ts';

/** What a file's collection is called and how it is searched, as far as that is known before it is read. */
export type CollectionHead = Omit<CollectionPlan, 'records' | 'shards' | 'bytes' | 'profile'>;

interface OpenShard {
  item: ShardItem;
  objects: ShardObjects;
  encoder: ShardEncoder;
  read: number;
  bytes: number;
  startedAt: string;
}

/** Cuts the lines of one collection into shards as they come, and writes each to the store as an exporter would. */
export class ShardCutter {
  readonly #store: ShardStore;
  readonly #run: string;
  readonly #shardBytes: number;
  #head: CollectionHead;
  #shard: OpenShard | null = null;
  readonly #items: ShardItem[] = [];
  readonly #manifests: ShardManifest[] = [];
  readonly #samples: SampledRecords;
  /** Bytes of the records as they came. */
  #bytes = 0;
  #read = 0;

  constructor(
    store: ShardStore,
    head: CollectionHead,
    settings: { run: string; shardBytes: number; sampleSize: number },
  ) {
    this.#store = store;
    this.#head = head;
    this.#run = settings.run;
    this.#shardBytes = settings.shardBytes;
    this.#samples = new SampledRecords(settings.sampleSize);
  }

  get schema(): string {
    return this.#head.schema;
  }

  /** Records so far, those that cannot arrive included. */
  get read(): number {
    return this.#read;
  }

  get rejected(): number {
    const finished = this.#manifests.reduce((sum, { rejected }) => sum + rejected, 0);
    return finished + (this.#shard?.objects.rejected ?? 0);
  }

  /** Sum of the digests of all records so far; to be asked once it is finished. */
  get checksum(): string {
    return addChecksums(this.#manifests.map(({ checksum }) => checksum));
  }

  /** @param lines in this program's form */
  async add(lines: Buffer): Promise<void> {
    const page = scanLines(lines);
    if (page.length === 0) return;
    if (this.#head.dimension === null) {
      const { offsets, spans } = page.embeddings!;
      const first = spans.starts.subarray(0, spans.length).findIndex((start) => start >= 0);
      if (first >= 0) {
        this.#head = { ...this.#head, dimension: offsets[first + 1]! - offsets[first]! };
        // So far nothing but rejects can have been written, and its encoder knows no dimension.
        await this.#close();
      }
    }
    const shard = await this.#open();
    this.#samples.add(page, this.#head.dimension);
    this.#bytes += lines.length;
    const encoded = shard.encoder.encode(page, this.#read);
    await this.#write(shard, encoded, page.length);
  }

  /** A line that is no record: it is told, and counted as one that cannot arrive. */
  async reject(place: string, detail: string, line: Buffer): Promise<void> {
    const shard = await this.#open();
    const reject: Reject = {
      ...{ id: place, offset: this.#read, reason: 'unreadable', detail },
      // Postgres keeps it as text.
      record: line.toString('utf8').replaceAll('\0', '\ufffd'),
    };
    const nothing = Buffer.alloc(0);
    const copies = Object.fromEntries(TABLE_ROWS[this.#head.layout].map(({ object }) => [object, nothing]));
    const empty = { copies, records: nothing, digests: nothing };
    await this.#write(shard, { ...empty, rejects: [reject], written: 0 }, 1);
  }

  /** Ends the last shard and stores the sampled searches. @returns what the plan says of the collection */
  async finish(): Promise<{ collection: CollectionPlan; shards: ShardItem[] }> {
    await this.#close();
    const { schema, dimension } = this.#head;
    const queries = this.#samples.queries(this.#read);
    const searches = { schema, records: this.#read, dimension, queries };
    await this.#store.writeText(keys.searches(this.#run, schema), JSON.stringify(searches));
    const average = this.#read === 0 ? 0 : Math.round(this.#bytes / this.#read);
    const collection: CollectionPlan = {
      ...this.#head,
      records: this.#read,
      shards: this.#items.length,
      bytes: this.#manifests.reduce((sum, { objects }) => sum + bytesOf(objects), 0),
      // Lines are not taken apart for their parts' sizes.
      profile: {
        sampled: 0,
        averageDocumentBytes: average,
        averageMetadataBytes: 0,
        averageIdBytes: 0,
        metadataKeys: [],
      },
    };
    return { collection, shards: this.#items };
  }

  async abort(reason: Error): Promise<void> {
    await this.#shard?.objects.abort(reason);
  }

  async #open(): Promise<OpenShard> {
    if (this.#shard) return this.#shard;
    const { tenant, database, collection, collectionId, schema, layout } = this.#head;
    const dimension = this.#head.dimension ?? 0;
    const item: ShardItem = {
      ...{ run: this.#run, tenant, database, collection, collectionId, schema, dimension, layout },
      ...{ number: this.#items.length, content: 'rows', offset: this.#read, records: 0, byIds: false },
      // Files do not change: nobody asks for a record of them by its id.
      ...{ idsHash: '', format: 'pgcopy', pageSize: 1000 },
    };
    const objects = new ShardObjects(this.#store, item);
    await objects.begin();
    const encoder = new ShardEncoder(item, 'pgcopy');
    this.#shard = { item, objects, encoder, read: 0, bytes: 0, startedAt: new Date().toISOString() };
    return this.#shard;
  }

  async #write(shard: OpenShard, encoded: EncodedPage, records: number): Promise<void> {
    await shard.objects.write(encoded);
    shard.read += records;
    shard.bytes += Object.values(encoded.copies).reduce((sum, { length }) => sum + length, 0);
    this.#read += records;
    if (shard.bytes >= this.#shardBytes) await this.#close();
  }

  async #close(): Promise<void> {
    const shard = this.#shard;
    if (!shard) return;
    this.#shard = null;
    const { written, rejected, stored } = await shard.objects.finish();
    const { run, schema, number, collection, collectionId, dimension, layout, format } = shard.item;
    const { content, idsHash } = shard.item;
    const manifest: ShardManifest = {
      ...{ version: 2, run, schema, number, collection, collectionId, dimension, layout, format },
      ...{ content, idsHash, read: shard.read, written, rejected, vanished: 0 },
      ...{ checksum: shard.encoder.checksum().toString() },
      ...{ objects: stored, startedAt: shard.startedAt, finishedAt: new Date().toISOString() },
    };
    await this.#store.writeText(keys.manifest(run, schema, number), `${JSON.stringify(manifest, null, 2)}\n`);
    this.#manifests.push(manifest);
    this.#items.push({ ...shard.item, records: shard.read });
  }
}

const bytesOf = (objects: ShardManifest['objects']) =>
  Object.values(objects).reduce((sum, object) => sum + object.bytes, 0);
