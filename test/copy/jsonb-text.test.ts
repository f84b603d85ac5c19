import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PGlite } from '@electric-sql/pglite';
import fc from 'fast-check';
import { canonicalMetadata, UnholdableText } from '../../src/copy/jsonb-text.ts';

let postgres: PGlite;
before(async () => {
  postgres = await PGlite.create();
});
after(() => postgres.close());

async function jsonbText(json: string): Promise<string> {
  const { rows } = await postgres.query<{ text: string }>('select $1::text::jsonb::text as text', [json]);
  return rows[0]!.text;
}

/** What Postgres prints of the canonical text must be that very text: else no checksum could agree. */
async function assertPrintedAsIs(json: string): Promise<string> {
  const { text } = canonicalMetadata(json);
  assert.equal(await jsonbText(text), text);
  return text;
}

const holdableString = fc
  .string({ unit: 'binary' })
  .filter((text) => !text.includes('\0') && text.isWellFormed());
const metadata = fc.dictionary(
  holdableString,
  fc.oneof(
    holdableString,
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.array(fc.oneof(holdableString, fc.integer())),
  ),
);
const json = (value: unknown): string => {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${json(member)}`);
  return `{${members.join(',')}}`;
};

describe('metadata in the text that Postgres will print', () => {
  it('is printed by Postgres as it was written, whatever the metadata', async () => {
    await fc.assert(
      fc.asyncProperty(metadata, async (value) => {
        await assertPrintedAsIs(json(value));
      }),
      { numRuns: 300 },
    );
  });

  it('means what Chroma sent: Postgres finds both equal', async () => {
    await fc.assert(
      fc.asyncProperty(metadata, async (value) => {
        const sent = json(value);
        const { rows } = await postgres.query<{ equal: boolean }>(
          'select $1::text::jsonb = $2::text::jsonb as equal',
          [sent, canonicalMetadata(sent).text],
        );
        assert.equal(rows[0]?.equal, true);
      }),
      { numRuns: 200 },
    );
  });

  for (const [sent, kept] of [
    ['{"i":9007199254740993}', '{"i": 9007199254740993}'],
    ['{"f":1.0}', '{"f": 1.0}'],
    ['{"e":1e22}', '{"e": 10000000000000000000000.0}'],
    ['{"t":1.5e-7}', '{"t": 0.00000015}'],
    ['{"z":-0.0}', '{"z": 0.0}'],
    ['{"bb":1,"a":2,"c":3}', '{"a": 2, "c": 3, "bb": 1}'],
    ['{"ä":1,"zz":2,"z":3}', '{"z": 3, "zz": 2, "ä": 1}'],
    [
      '{"n":{"b":[1,{"x":null}],"a":"\\u00e9\\n\\"\\\\"}}',
      '{"n": {"a": "é\\n\\"\\\\", "b": [1, {"x": null}]}}',
    ],
    ['{"a":1,"a":2}', '{"a": 2}'],
    ['{}', '{}'],
  ] as const)
    it(`writes ${sent} as ${kept}`, async () => {
      assert.equal(await assertPrintedAsIs(sent), kept);
    });

  it('refuses what Postgres cannot hold, by its reason', () => {
    const refused = (text: string, reason: string) =>
      assert.throws(
        () => canonicalMetadata(text),
        (error) => error instanceof UnholdableText && error.reason === reason,
      );
    refused('{"a":"x\\u0000"}', 'nul');
    refused('{"a\\u0000":1}', 'nul');
    refused('{"a":["\\ud800"]}', 'lone-surrogate');
    refused('{"\\udc00":1}', 'lone-surrogate');
  });

  it('reads a megabyte of text without recursion', () => {
    const long = `{"a":"${'x\\n'.repeat(500_000)}"}`;
    assert.equal(canonicalMetadata(long).text, `{"a": "${'x\\n'.repeat(500_000)}"}`);
  });
});
