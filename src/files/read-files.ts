import { hash } from 'node:crypto';
import type { CollectionPlan, Plan } from '../contract.ts';
import { InvalidInput, SourceChanged } from '../errors.ts';
import { type Log, reportProgress } from '../log.ts';
import type { MigrationInput } from '../migration-input.ts';
import { schemaNames } from '../plan/schema-name.ts';
import { sparseColumns } from '../plan/sparse-columns.ts';
import { storePlan } from '../plan/store-plan.ts';
import { Ticker } from '../shard/ticker.ts';
import { wholeLines } from '../shard/whole-lines.ts';
import type { ShardStore } from '../store/store.ts';
import type { ExportManifest } from './export-manifest.ts';
import { NoRecord, plainLine } from './plain-line.ts';
import { type CollectionHead, ShardCutter } from './shard-cutter.ts';
import { readDecompressed, type SourceFile } from './source-files.ts';

export interface ReadFilesSettings {
  run: string;
  options: MigrationInput;
  /** As the plan names what was read. */
  source: string;
  /** What lies beside the files, if this program made them. */
  manifest: ExportManifest | null;
  /** Collection of lines that name none … */
  collection: string;
  /** … or of all lines, whatever they say. */
  isOneCollection: boolean;
  /** How a collection is searched that nothing is known of. */
  space: CollectionPlan['space'];
  /** Lines that are read and encoded at a time. */
  batchSize: number;
  /** Ids of live collections by schema: a record of these files is to have the row that it has there. */
  collectionIds?: ReadonlyMap<string, string>;
}

export interface ReadFilesContext {
  /** Where the files lie. */
  from: ShardStore;
  /** Where the run's shards go. */
  store: ShardStore;
  log: Log;
}

/**
 * Reads files of JSON lines once, from beginning to end, cuts them into shards and stores the run's plan: what the
 * state machine finds then is a run whose export is done. Memory holds a few batches, whatever the files' size.
 *
 * @throws InvalidInput if there is nothing to read, SourceChanged if the files are not what was exported
 */
export async function readFiles(
  context: ReadFilesContext,
  files: readonly SourceFile[],
  settings: ReadFilesSettings,
): Promise<Plan> {
  const reading = new Reading(context, settings);
  try {
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { key } of files) await reading.file(key, total);
    return await reading.finish();
  } catch (error) {
    await reading.abort(error as Error);
    throw error;
  }
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const LINE_FEED = 0x0a;

class Reading {
  readonly #context: ReadFilesContext;
  readonly #settings: ReadFilesSettings;
  readonly #cutters = new Map<string, ShardCutter>();
  readonly #moved = new Set<string>();
  #bytes = 0;
  #records = 0;

  constructor(context: ReadFilesContext, settings: ReadFilesSettings) {
    this.#context = context;
    this.#settings = settings;
    // A collection that held nothing when it was exported arrives empty.
    for (const { plan } of settings.manifest?.collections ?? []) this.#cutterOf(plan.collection);
  }

  async file(key: string, totalBytes: number): Promise<void> {
    const { from, log } = this.#context;
    const manifest = this.#settings.manifest;
    const own = manifest?.collections.find(({ files }) => files.some((file) => file.key === key));
    const collection = own?.plan.collection ?? this.#settings.collection;
    const progress = new Ticker(() => this.#tell(log, totalBytes));
    let number = 0;
    const bytes = readDecompressed(from, key, (read) => {
      this.#bytes += read;
    });
    for await (const block of wholeLines(bytes)) {
      const start = number === 0 && block.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
      if (number === 0) refuseArray(from.urlOf(key), block, start);
      number = await this.#lines(block.subarray(start), collection, { key, number });
      progress.tick();
    }
    this.#tell(log, totalBytes);
  }

  async finish(): Promise<Plan> {
    const { run, options, source, manifest } = this.#settings;
    if (this.#cutters.size === 0)
      throw new InvalidInput(`${source} holds no record: correct --source, or export it again.`);
    const made = [];
    for (const cutter of this.#cutters.values()) made.push(await cutter.finish());
    if (manifest) checkManifest(source, manifest, this.#cutters);
    const moved = [...this.#moved].slice(0, 10).map((name) => `"${name}"`);
    const plan: Plan = {
      ...{ version: 1, run, createdAt: new Date().toISOString(), source },
      ...{ sourceVersion: manifest?.sourceVersion ?? 'files', options },
      collections: made.map(({ collection }) => collection),
      warnings: moved.length === 0 ? [] : [`Members beside the metadata went into it: ${moved.join(', ')}.`],
    };
    await storePlan(this.#context.store, { plan, shards: made.flatMap(({ shards }) => shards) });
    return plan;
  }

  async abort(reason: Error): Promise<void> {
    for (const cutter of this.#cutters.values()) await cutter.abort(reason);
  }

  /** Adds the lines of a block batch by batch. @returns the number of the last line */
  async #lines(block: Buffer, collection: string, at: { key: string; number: number }): Promise<number> {
    const batches = new Map<string, Buffer[]>();
    let { number } = at;
    for (let start = 0; start < block.length; ) {
      const found = block.indexOf(LINE_FEED, start);
      const end = found < 0 ? block.length : found;
      const line = block.subarray(start, end);
      start = end + 1;
      number++;
      if (line.length === 0 || (line.length === 1 && line[0] === 0x0d)) continue;
      const plain = await this.#plain(line, collection, `${at.key}:${number}`);
      if (!plain) continue;
      const name = plain.collection ?? collection;
      for (const member of plain.moved) this.#moved.add(member);
      const batch = batches.get(name) ?? [];
      batches.set(name, batch);
      batch.push(plain.line);
      if (batch.length >= this.#settings.batchSize)
        await this.#cutterOf(name).add(Buffer.concat(batch.splice(0)));
    }
    for (const [name, batch] of batches) await this.#cutterOf(name).add(Buffer.concat(batch));
    this.#records = [...this.#cutters.values()].reduce((sum, { read }) => sum + read, 0);
    return number;
  }

  async #plain(line: Buffer, collection: string, place: string) {
    try {
      return plainLine(line, !this.#settings.isOneCollection);
    } catch (error) {
      if (!(error instanceof NoRecord)) throw error;
      await this.#cutterOf(collection).reject(place, `The line ${place} ${error.message}.`, line);
      return null;
    }
  }

  #cutterOf(name: string): ShardCutter {
    const known = this.#cutters.get(name);
    if (known) return known;
    const { run, options } = this.#settings;
    const { shardBytes, sampleSize } = options;
    const head = this.#headOf(name);
    const other = [...this.#cutters].find(([, { schema }]) => schema === head.schema)?.[0];
    if (other !== undefined)
      throw new InvalidInput(
        `Collections "${other}" and "${name}" of ${this.#settings.source} would both go to schema "${head.schema}": import them from files of their own, one with --schema.`,
      );
    const cutter = new ShardCutter(this.#context.store, head, { run, shardBytes, sampleSize });
    this.#cutters.set(name, cutter);
    return cutter;
  }

  #headOf(name: string): CollectionHead {
    const { manifest, space, options, collectionIds } = this.#settings;
    const exported = manifest?.collections.find(({ plan }) => plan.collection === name)?.plan;
    const address = { tenant: 'default_tenant', database: 'default_database', collection: name };
    const [made] = schemaNames([address]);
    const head: CollectionHead = exported ?? {
      ...address,
      collectionId: idOf(name),
      schema: made as string,
      layout: options.layout,
      ...{
        dimension: null,
        space,
        indexMethod: options.index,
        model: null,
        metadata: null,
        configuration: null,
      },
      // Chroma's own defaults.
      hnsw: { m: 16, efConstruction: 100, efSearch: 100 },
    };
    const schema = options.schema ?? head.schema;
    return {
      ...head,
      schema,
      collectionId: collectionIds?.get(schema) ?? head.collectionId,
      layout: options.layout,
      sparseColumns: sparseColumns(options, name),
      indexMethod: options.index,
    };
  }

  /** How many records there are is not known before the end: the bytes tell about how many. */
  #tell(log: Log, totalBytes: number): void {
    const share = totalBytes === 0 ? 1 : Math.min(1, this.#bytes / totalBytes);
    const records = share === 0 ? this.#records : Math.round(this.#records / share);
    log.info('planned', { records, collections: this.#cutters.size });
    reportProgress(log, { phase: 'export', schema: 'files', shard: 0, records: this.#records });
  }
}

/** Rows have the same ids in every import of a collection of that name: RFC 9562, version 5. */
function idOf(name: string): string {
  const bytes = hash('sha1', `chroma-to-pgvector import ${name}`, 'buffer').subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** @throws InvalidInput */
function refuseArray(name: string, block: Buffer, start: number): void {
  if (/^\s*\[/.test(block.toString('latin1', start, start + 100)))
    throw new InvalidInput(
      `${name} is one JSON array and not a record a line: make lines of it with jq -c '.[]' FILE.`,
    );
}

/** @throws SourceChanged if the files do not hold what was exported */
function checkManifest(
  source: string,
  manifest: ExportManifest,
  cutters: ReadonlyMap<string, ShardCutter>,
): void {
  const differing = manifest.collections.flatMap(({ plan, records, checksum }) => {
    const found = cutters.get(plan.collection);
    if (found?.read === records && found.checksum === checksum) return [];
    const what = found?.read === records ? 'other records' : `${found?.read ?? 0} of ${records} records`;
    return [`"${plan.collection}" has ${what}`];
  });
  if (differing.length > 0)
    throw new SourceChanged(
      `${source} is not what was exported (${differing.join(', ')}): export it again, or move its manifest away to import what is there.`,
    );
}
