/**
 * The readers of what comes from outside. A target takes any bytes: it returns if they were read rightly or refused as
 * documented, and throws whatever else becomes of them.
 */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { parse } from 'yaml';
import { parseConfig } from '../../lib/config.ts';
import { scanLines } from '../../src/chroma/scan-lines.ts';
import { type Page, type Spans, scanPage } from '../../src/chroma/scan-page.ts';
import { LAYOUTS, type LayoutName } from '../../src/contract.ts';
import { COPY_HEADER, COPY_TRAILER } from '../../src/copy/copy-buffer.ts';
import { canonicalMetadata, UnholdableText } from '../../src/copy/jsonb-text.ts';
import { readCopy } from '../../src/copy/read-copy.ts';
import { ShardEncoder } from '../../src/copy/shard-encoder.ts';
import { InvalidInput, ShardCorrupt, SourceUnavailable, StoreRefused } from '../../src/errors.ts';
import { parseInput } from '../../src/plan/store-plan.ts';
import { readManifest } from '../../src/shard/manifest.ts';
import { idAt } from '../../src/shard/pages.ts';
import { wholeLines } from '../../src/shard/whole-lines.ts';
import { sealed } from '../../src/store/json.ts';
import type { ShardStore } from '../../src/store/store.ts';

export interface Target {
  /** Whole examples, which mutations begin with. */
  examples: Buffer[];
  take(bytes: Buffer): Promise<void> | void;
}

const COLLECTION = '6d1b6a8e-3f59-4d5f-9c5b-0a6a5d0e5a11';
const DIMENSION = 3;

export const TARGETS: Record<string, Target> = {
  /** Chroma's answer to `get`, scanned and encoded, against JSON.parse. */
  page: {
    examples: [
      page(
        ['a', 'b'],
        [
          [1, 2, 3],
          [0.1, -2.5e-3, 1e10],
        ],
        ['text', 'q"\\ü𝔘'],
        [{ a: 1, b: 'x' }, null],
        [null, 's3://x'],
      ),
      page(
        ['a'],
        [[0.30000001192092896, -0, 16777217]],
        null,
        [{ file_path: 'a.ts', chunk_index: 3, f: 1.5 }],
        null,
      ),
      page(
        ['nul\0', 'x'],
        [null, [1, null, 3]],
        ['\0', '\ud800'],
        [{ 'k\0': 1 }, { k: ['a', { b: [1, 2] }] }],
        null,
      ),
      page([], [], [], [], []),
    ],
    take(bytes) {
      let scanned: Page;
      try {
        scanned = scanPage(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof SourceUnavailable, String(error));
        return;
      }
      if (hasLeadingZero(bytes)) return;
      comparePage(scanned, bytes);
      encode(scanned);
    },
  },
  /** The same as JSON lines of the store. */
  lines: {
    examples: [
      Buffer.from(
        '{"id":"a","document":"x","metadata":{"a":1},"uri":null,"embedding":[1,2,3]}\n{"id":"b\\"","document":null,"metadata":null,"uri":"u","embedding":[0.1,-2,3e5]}\n',
      ),
    ],
    async take(bytes) {
      try {
        for await (const block of wholeLines(Readable.from(pieces(bytes))))
          encode(scanLines(block), hasLeadingZero(bytes));
      } catch (error) {
        if (!(error instanceof ShardCorrupt)) throw error;
      }
    },
  },
  /** A binary COPY stream, in pieces. */
  pgcopy: {
    examples: [
      encoded(
        'documents',
        page(
          ['a', 'b'],
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          ['x', null],
          [null, { a: 1 }],
          null,
        ),
      ),
      encoded(
        'embeddings',
        page(
          ['a', 'b'],
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
          ['x', null],
          [null, { a: 1 }],
          null,
        ),
      ),
      Buffer.concat([COPY_HEADER, COPY_TRAILER]),
    ],
    async take(bytes) {
      let length = 0;
      try {
        for await (const row of readCopy(Readable.from(pieces(bytes))))
          for (const field of row) length += field?.length ?? 0;
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
      assert.ok(length <= bytes.length, 'more bytes than there are');
    },
  },
  manifest: {
    examples: [
      Buffer.from(
        sealed({ version: 2, run: 'r', schema: 's', number: 3, objects: { digests: { key: 'k' } } }),
      ),
    ],
    async take(bytes) {
      const text = bytes.toString('utf8');
      let deleted = false;
      const store = {
        readText: async () => text,
        delete: async () => {
          deleted = true;
        },
        urlOf: (key: string) => key,
      } as unknown as ShardStore;
      const manifest = await readManifest(store, 'manifest.json').catch((error) => {
        // Of a later version: it stays.
        if (error instanceof StoreRefused) assert.ok(!deleted, String(error));
        else assert.ok(error instanceof ShardCorrupt && deleted, String(error));
      });
      if (manifest) assert.ok(manifest.version === 1 || manifest.version === 2);
    },
  },
  /** Metadata as jsonb prints it: the same when it is read again, and what JSON.parse reads. */
  metadata: {
    examples: [
      '{"a": 1, "b": [1, 2.50, -0.0, 1e5], "": null, "ü": {"x": "\\u0041\\n"}, "t": true}',
      '{"max": 9223372036854775807, "min": -1e-7, "k\\"ey\\\\": "𝔘"}',
      '{}',
    ].map((text) => Buffer.from(text)),
    take(bytes) {
      const text = bytes.toString('utf8');
      let canonical: string;
      try {
        canonical = canonicalMetadata(text).text;
      } catch (error) {
        assert.ok(
          error instanceof SyntaxError || error instanceof RangeError || error instanceof UnholdableText,
          String(error),
        );
        return;
      }
      // What is no JSON the scanner has refused before.
      const truth = parsed(() => JSON.parse(text));
      if (truth === NOTHING) return;
      assert.equal(canonicalMetadata(canonical).text, canonical);
      assert.deepEqual(JSON.parse(canonical), withoutMinusZero(truth));
    },
  },
  /** The execution's input, as a person types it in the console. */
  input: {
    examples: [
      '{"run": "r", "collections": ["a"], "concurrency": 8, "onReject": "quarantine", "shardBytes": 65536}',
      '{"tune": "apply", "allowReboot": true, "format": "jsonl", "sampleSize": 0, "schema": "public"}',
      'null',
    ].map((text) => Buffer.from(text)),
    take(bytes) {
      const input = parsed(() => JSON.parse(bytes.toString('utf8')));
      if (input === NOTHING) return;
      try {
        parseInput(input);
      } catch (error) {
        assert.ok(error instanceof InvalidInput, String(error));
      }
    },
  },
  /** config/NAME.yaml. */
  configuration: {
    examples: [
      'chromaUrl: https://chroma.example.com\nstorageGib: 100\nchromaTenants: [a, b]\ntune: apply\n',
      'vpc:\n  id: vpc-0123456789abcdef0\n  subnetIds: &a [subnet-0123456789abcdef0]\nexistingDatabase:\n  port: 5432\n',
    ].map((text) => Buffer.from(text)),
    take(bytes) {
      const settings = parsed(() => parse(bytes.toString('utf8'), { logLevel: 'silent' }));
      if (
        settings === NOTHING ||
        settings === null ||
        typeof settings !== 'object' ||
        Array.isArray(settings)
      )
        return;
      try {
        parseConfig(settings as Record<string, unknown>);
      } catch (error) {
        // All mistakes in one message of this program's, and none of the language's.
        assert.ok(
          (error as Error).constructor === Error && (error as Error).message.length > 20,
          String(error),
        );
      }
    },
  },
};

const NOTHING = Symbol('not even JSON or YAML');

function parsed(parse: () => unknown): unknown {
  try {
    return parse();
  } catch {
    return NOTHING;
  }
}

function page(
  ids: unknown,
  embeddings: unknown,
  documents: unknown,
  metadatas: unknown,
  uris: unknown,
): Buffer {
  return Buffer.from(JSON.stringify({ ids, embeddings, documents, metadatas, uris, include: ['documents'] }));
}

function encoded(table: 'documents' | 'embeddings', bytes: Buffer): Buffer {
  const { copies } = encoderOf('guide').encode(scanPage(bytes), 0);
  return Buffer.concat([COPY_HEADER, copies[table]!, COPY_TRAILER]);
}

/** The scanner takes 01 for 1, which JSON has not: a check for each of a vector's numbers would cost more than it is worth. */
const hasLeadingZero = (bytes: Buffer): boolean => /(?:^|[[,\s-])0\d/.test(bytes.toString('latin1'));

/** Every record is written, as a row that can be read, or rejected with its reason. */
function encode(scanned: Page, isLax = false): void {
  for (const layout of LAYOUTS) encodeFor(layout, scanned, isLax);
}

function encoderOf(layout: LayoutName): ShardEncoder {
  return new ShardEncoder({ collectionId: COLLECTION, dimension: DIMENSION, layout }, 'pgcopy');
}

function encodeFor(layout: LayoutName, scanned: Page, isLax: boolean): void {
  const result = encoderOf(layout).encode(scanned, 0);
  assert.equal(result.written + result.rejects.length, scanned.length);
  assert.equal(result.digests.length, 24 * result.written);
  for (const { id, reason, record } of result.rejects) {
    assert.ok(reason.length > 0 && typeof id === 'string' && !id.includes('\0'));
    if (!isLax) JSON.parse(record);
  }
}

/** What was scanned is what JSON.parse reads, where that reads anything. */
function comparePage(scanned: Page, bytes: Buffer): void {
  assert.ok(isUtf8(bytes));
  const truth = JSON.parse(bytes.toString('utf8')) as Record<string, unknown[] | null>;
  assert.equal(scanned.length, truth.ids?.length ?? 0);
  for (let index = 0; index < scanned.length; index++) {
    const id = truth.ids?.[index];
    if (typeof id === 'string') assert.equal(idAt(scanned, index), id);
    for (const column of ['documents', 'uris', 'metadatas'] as const)
      assert.deepEqual(valueAt(scanned, scanned[column], index), truth[column]?.[index] ?? null);
    const vector = truth.embeddings?.[index] as (number | null)[] | null | undefined;
    const { offsets, components } = scanned.embeddings ?? {};
    const read = [...(components?.subarray(offsets?.[index], offsets?.[index + 1]) ?? [])];
    assert.deepEqual(
      read,
      (vector ?? []).map((one) => Math.fround(one ?? Number.NaN)),
    );
  }
}

function valueAt({ bytes }: Page, spans: Spans | null, index: number): unknown {
  const start = spans?.starts[index] ?? -1;
  return start < 0 ? null : JSON.parse(bytes.toString('utf8', start, spans?.ends[index]));
}

/** jsonb has no negative zero. */
function withoutMinusZero(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, inner) => (inner === 0 ? 0 : inner));
}

/** Pieces of seven bytes: whatever is read must not care where one ends. */
function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}
