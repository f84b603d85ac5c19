import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import type { StoredObject } from '../contract.ts';
import { StoreRefused, StoreUnavailable } from '../errors.ts';
import { MeasuredBody } from './measured-body.ts';
import { checkKey, ObjectDamaged, ObjectMissing, type ShardStore } from './store.ts';

/**
 * Parts of an upload. 8 MiB × 10,000 parts is 80 GiB, far over a shard; 4 at a time hold 32 MiB of memory.
 * Source: Amazon S3 multipart upload limits (5 MiB to 5 GiB a part, 10,000 parts).
 */
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_A_TIME = 4;

/** A store in an S3 bucket, below an optional prefix. A multipart upload appears whole or not at all. */
export class S3Store implements ShardStore {
  readonly url: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #client: S3Client;

  constructor(bucket: string, prefix = '', config: S3ClientConfig = {}) {
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`;
    this.url = `s3://${bucket}${prefix === '' ? '' : `/${this.#prefix.slice(0, -1)}`}`;
    this.#client = new S3Client({ maxAttempts: 5, ...config });
  }

  async write(key: string, body: AsyncIterable<Buffer>, contentType?: string): Promise<StoredObject> {
    const measured = new MeasuredBody(body);
    const upload = new Upload({
      client: this.#client,
      params: {
        ...{ Bucket: this.#bucket, Key: this.#key(key), Body: Readable.from(copies(measured)) },
        ContentType: contentType,
      },
      partSize: PART_BYTES,
      queueSize: PARTS_AT_A_TIME,
    });
    try {
      await upload.done();
    } catch (error) {
      // What came down the stream (Chroma broke off, say) keeps its own name.
      throw measured.broken ?? this.#error(key, 'written', error);
    }
    return measured.stored(key);
  }

  async writeText(key: string, text: string | Buffer, contentType = 'application/json'): Promise<void> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: this.#key(key),
      Body: text,
      // An empty body would be taken for a stream of unknown length, and the SDK warn of it on the console.
      ContentLength: Buffer.byteLength(text),
      ContentType: contentType,
    });
    await this.#client.send(command).catch((error) => {
      throw this.#error(key, 'written', error);
    });
  }

  async read(key: string): Promise<Readable> {
    try {
      const command = new GetObjectCommand({ Bucket: this.#bucket, Key: this.#key(key) });
      const { Body } = await this.#client.send(command);
      return this.#explained(key, Body as Readable);
    } catch (error) {
      if (isMissing(error)) throw new ObjectMissing(this.urlOf(key));
      throw this.#error(key, 'read', error);
    }
  }

  readPieces(key: string): Promise<AsyncIterable<Buffer>> {
    return this.read(key);
  }

  async readText(key: string): Promise<string | null> {
    try {
      const command = new GetObjectCommand({ Bucket: this.#bucket, Key: this.#key(key) });
      const { Body } = await this.#client.send(command);
      return (await Body?.transformToString('utf8')) ?? '';
    } catch (error) {
      if (isMissing(error)) return null;
      throw this.#error(key, 'read', error);
    }
  }

  async exists(key: string): Promise<boolean> {
    try {
      await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: this.#key(key) }));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw this.#error(key, 'read', error);
    }
  }

  async delete(key: string): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#key(key) });
    await this.#client.send(command).catch((error) => {
      throw this.#error(key, 'deleted', error);
    });
  }

  /** The same bytes, and what breaks while they come by its name. */
  #explained(key: string, body: Readable): Readable {
    const error = (reason: unknown) => this.#error(key, 'read', reason);
    return Readable.from(
      (async function* () {
        try {
          yield* body;
        } catch (reason) {
          throw error(reason);
        }
      })(),
      { objectMode: false, highWaterMark: 1 << 20 },
    );
  }

  urlOf(key: string): string {
    return `s3://${this.#bucket}/${this.#key(key)}`;
  }

  #key(key: string): string {
    return `${this.#prefix}${checkKey(key)}`;
  }

  /** Of whatever the SDK throws: an answer that a bad line garbled breaks its parsers, and they have no name for it. */
  #error(key: string, verb: 'read' | 'written' | 'deleted', reason: unknown): Error {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    const where = this.urlOf(key);
    // A system's error is called just that; its code says which one.
    const { code } = error as NodeJS.ErrnoException;
    const name = error.name === 'Error' ? (code ?? error.message.split(/[:.\n]/)[0]) : error.name;
    if (REFUSALS.has(error.name))
      return new StoreRefused(
        `The store's ${where} cannot be ${verb} (${error.name}): check the bucket's name and region, and that the credentials may use it.`,
        { cause: error },
      );
    const Unavailable = isMismatch(error) ? ObjectDamaged : StoreUnavailable;
    return new Unavailable(`The store's ${where} could not be ${verb} (${name}): run again.`, {
      cause: error,
    });
  }
}

/** A part is gathered from many pieces, whose memory is used again before it is sent. */
async function* copies(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}

const REFUSALS = new Set([
  'NoSuchBucket',
  'AccessDenied',
  'Forbidden',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'PermanentRedirect',
  'ExpiredToken',
  'CredentialsProviderError',
  'InvalidBucketName',
]);

const isMissing = (error: unknown) =>
  error instanceof Error && (error.name === 'NoSuchKey' || error.name === 'NotFound');

/** What the SDK says when it compares what came with S3's own checksum. */
const isMismatch = (error: Error) => /^Checksum mismatch/.test(error.message);
