import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { mulberry32 } from '../test/fixtures/clustered-vectors.ts';

/**
 * How the vectors lie. `embeddings`: along few directions, and along each less than along the one before it, as
 * embeddings of texts do; `uniform`: each component on its own, which is the hardest for any index.
 */
export type Shape = 'embeddings' | 'uniform';

/** Directions along which the vectors differ; the variance along the n-th is 1/n. */
const DIRECTIONS = 64;
/** What each component has of its own, beside a deviation of 2 of the whole. */
const NOISE = 0.1;

export interface Vectors {
  shape: Shape;
  dimension: number;
  rows: number;
}

/** Seeded vectors, one after another in the same array. */
function* vectors({ shape, dimension, rows }: Vectors): Generator<Float32Array> {
  const next = mulberry32(dimension);
  const between = () => next() * 2 - 1;
  const vector = new Float32Array(dimension);
  const directions = Array.from({ length: DIRECTIONS }, (_, at) =>
    Float32Array.from({ length: dimension }, () => between() / Math.sqrt(at + 1)),
  );
  for (let row = 0; row < rows; row++) {
    const noise = shape === 'uniform' ? 1 : NOISE;
    for (let at = 0; at < dimension; at++) vector[at] = noise * between();
    if (shape === 'embeddings')
      for (const direction of directions) {
        // The sum of three is nearly normal.
        const along = between() + between() + between();
        for (let at = 0; at < dimension; at++) vector[at]! += along * direction[at]!;
      }
    yield vector;
  }
}

/** COPY's signature, flags and extension, and its end (PostgreSQL documentation, COPY, "Binary Format"). */
const HEADER = Buffer.from('5047434f50590aff0d0a000000000000000000', 'hex');
const TRAILER = Buffer.from('ffff', 'hex');
/** Of a row without its components: columns, length and id, length, dimensions and an unused field. */
const ROW_BYTES = 2 + 4 + 4 + 4 + 2 + 2;
const PIECE_BYTES = 1024 ** 2;

/** Fills a table of `(id integer, embedding vector)` by binary COPY. */
export async function copyVectors(client: pg.Client, table: string, content: Vectors): Promise<void> {
  const copy = client.query(copyFrom(`copy ${table} from stdin (format binary)`));
  await pipeline(Readable.from(pieces(content)), copy);
}

function* pieces(content: Vectors): Generator<Buffer> {
  const { dimension, rows } = content;
  const rowBytes = ROW_BYTES + 4 * dimension;
  const rowsAPiece = Math.max(1, Math.floor(PIECE_BYTES / rowBytes));
  yield HEADER;
  let piece = Buffer.alloc(0);
  let at = 0;
  let id = 0;
  for (const vector of vectors(content)) {
    if (at === piece.length) {
      piece = Buffer.allocUnsafe(Math.min(rowsAPiece, rows - id) * rowBytes);
      at = 0;
    }
    at = piece.writeInt16BE(2, at);
    at = piece.writeInt32BE(4, at);
    at = piece.writeInt32BE(id++, at);
    at = piece.writeInt32BE(4 + 4 * dimension, at);
    at = piece.writeInt16BE(dimension, at);
    at = piece.writeInt16BE(0, at);
    for (const component of vector) at = piece.writeFloatBE(component, at);
    if (at === piece.length) yield piece;
  }
  yield TRAILER;
}
