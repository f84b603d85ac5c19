import { Readable } from 'node:stream';
import type { ShardStore } from '../../src/store/store.ts';
import { readBucket } from './bucket.ts';
import { ResultWriterFailed } from './errors.ts';
import { Template } from './expression.ts';
import type { Fields } from './fields.ts';
import { isObject, type JsonObject } from './json.ts';
import type { StateContext } from './states/state.ts';
import type { Visit } from './visit.ts';

const RESOURCE = 'arn:aws:states:::s3:putObject';

/** A results file ends here and the next begins (AWS: at 5 GB), so that no more than this waits in memory. */
const FILE_BYTES = 8 * 1024 * 1024;

const FILES = ['FAILED', 'PENDING', 'SUCCEEDED'] as const;
type FileStatus = (typeof FILES)[number];

/** Where a Map Run's results went: the output of its state. */
export interface ResultWriterDetails extends JsonObject {
  Bucket: string;
  Key: string;
}

/**
 * The ResultWriter of a Distributed Map. Children go, by how they ended, to `SUCCEEDED_n.json`, `FAILED_n.json`
 * (aborted ones too) and `PENDING_n.json` (never begun) below `<prefix>/<map run's id>/`, and `manifest.json`
 * names the files. https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
 */
export class ResultWriter {
  readonly #store: ShardStore | undefined;
  readonly #arguments: Template;

  constructor(fields: Fields, context: StateContext) {
    const resource = fields.string('Resource');
    if (resource !== RESOURCE) fields.refuse('Resource', `must be ${RESOURCE}, not '${resource}'`);
    const args = fields.object('Arguments');
    this.#store = readBucket(args, context.buckets);
    args.json('Prefix');
    args.end();
    this.#arguments = Template.read(fields.json('Arguments') ?? {}, `${fields.where}, Arguments`, context);
    fields.end();
  }

  /** @param mapRun the Map Run's ARN, whose last part is its id */
  async open(visit: Visit, mapRun: string): Promise<ResultFiles> {
    const args = await this.#arguments.evaluate(visit.bindings());
    const { Bucket, Prefix = '' } = isObject(args) ? args : {};
    if (typeof Prefix !== 'string')
      throw new ResultWriterFailed(`The Prefix must be a string, not ${JSON.stringify(Prefix)}.`);
    const folder = [Prefix.replace(/\/$/, ''), mapRun.split(':').at(-1)].filter(Boolean).join('/');
    return new ResultFiles(this.#store as ShardStore, Bucket as string, folder, mapRun);
  }
}

/** The files of one Map Run while it works. */
export class ResultFiles {
  readonly #store: ShardStore;
  readonly #bucket: string;
  readonly #folder: string;
  readonly #mapRun: string;
  readonly #files = new Map<FileStatus, StatusFiles>();

  constructor(store: ShardStore, bucket: string, folder: string, mapRun: string) {
    this.#store = store;
    this.#bucket = bucket;
    this.#folder = folder;
    this.#mapRun = mapRun;
    for (const status of FILES)
      this.#files.set(status, new StatusFiles((number, body) => this.#put(`${status}_${number}.json`, body)));
  }

  /** Resolves when the record is taken, which may be when a file was written. @throws ResultWriterFailed */
  async add(status: FileStatus, record: JsonObject): Promise<void> {
    await (this.#files.get(status) as StatusFiles).add(JSON.stringify(record));
  }

  /** Forgets the children that did not succeed: a redrive runs them again, and they are told of anew. */
  redrive(): void {
    for (const status of ['FAILED', 'PENDING'] as const) (this.#files.get(status) as StatusFiles).forget();
  }

  /** Writes what is left, and the manifest last. @throws ResultWriterFailed */
  async close(): Promise<ResultWriterDetails> {
    const resultFiles: JsonObject = {};
    for (const [status, files] of this.#files) resultFiles[status] = await files.close();
    const manifest = { DestinationBucket: this.#bucket, MapRunArn: this.#mapRun, ResultFiles: resultFiles };
    const { Key } = await this.#put('manifest.json', [JSON.stringify(manifest)]);
    return { Bucket: this.#bucket, Key };
  }

  async #put(name: string, body: Iterable<string>): Promise<WrittenFile> {
    const key = `${this.#folder}/${name}`;
    try {
      const { bytes } = await this.#store.write(key, Readable.from(body, { objectMode: false }));
      return { Key: key, Size: bytes };
    } catch (error) {
      throw new ResultWriterFailed(`The object ${key} could not be written: ${(error as Error).message}`);
    }
  }
}

interface WrittenFile extends JsonObject {
  Key: string;
  Size: number;
}

/** The numbered files of one status. */
class StatusFiles {
  readonly #put: (number: number, body: Iterable<string>) => Promise<WrittenFile>;
  readonly #written: Promise<WrittenFile>[] = [];
  #waiting: string[] = [];
  #bytes = 0;

  constructor(put: (number: number, body: Iterable<string>) => Promise<WrittenFile>) {
    this.#put = put;
  }

  async add(record: string): Promise<void> {
    this.#waiting.push(record);
    this.#bytes += Buffer.byteLength(record);
    if (this.#bytes >= FILE_BYTES) await this.#flush();
  }

  forget(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#written.length = 0;
  }

  async close(): Promise<WrittenFile[]> {
    if (this.#waiting.length > 0) await this.#flush();
    return Promise.all(this.#written);
  }

  async #flush(): Promise<void> {
    const records = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    const file = this.#put(this.#written.length, jsonArray(records));
    this.#written.push(file);
    await file;
  }
}

function* jsonArray(records: readonly string[]): Generator<string> {
  let separator = '[';
  for (const record of records) {
    yield `${separator}${record}`;
    separator = ',';
  }
  yield ']';
}
