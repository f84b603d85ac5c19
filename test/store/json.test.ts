/** What a store has bent is noticed, also where it is still JSON. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Plan } from '../../src/contract.ts';
import { StoreRefused } from '../../src/errors.ts';
import { readPlan, requireShards, writePlan } from '../../src/plan/plan-file.ts';
import { sealed, textHash, unsealed, writeJson } from '../../src/store/json.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { sampleReport } from '../report/sample.ts';

const VALUE = {
  run: 'r',
  number: 17,
  nested: { 2: 'b', 1: 'a', text: 'ü"\\' },
  list: [1.5, null, -0],
  none: undefined,
};

describe('a sealed object', () => {
  it('is what it was', () => {
    const { none: _, ...rest } = VALUE;
    assert.deepEqual(unsealed(sealed(VALUE)), { ...rest, list: [1.5, null, 0] });
  });

  it('is refused with any bit of it turned over, unless it means the same', () => {
    const bytes = Buffer.from(sealed(VALUE));
    const meaning = JSON.stringify(unsealed(bytes.toString()));
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const turned = Buffer.from(bytes);
        turned[at]! ^= 1 << bit;
        const text = turned.toString('utf8');
        // Without the name of its seal it is one of before there were any.
        if (!text.includes('"seal"')) continue;
        try {
          assert.equal(JSON.stringify(unsealed(text)), meaning, `byte ${at}, bit ${bit}`);
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error));
        }
      }
  });
});

/** What is written of a value, piece by piece. */
async function piecesOf(value: object): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  const write = async (_key: string, body: AsyncIterable<Buffer>) => {
    for await (const piece of body) pieces.push(piece);
  };
  await writeJson({ write } as unknown as ShardStore, 'report.json', value);
  return pieces;
}

describe('JSON that is written piece by piece', () => {
  it('is what JSON.stringify would have made', async () => {
    const awkward = {
      'a\n"b': 'one\ntwo',
      deep: { list: [{ text: '\n' }, undefined, []] },
      nothing: [[], {}, null],
    };
    for (const value of [{}, { none: undefined }, { empty: [] }, VALUE, awkward, sampleReport()])
      assert.equal(Buffer.concat(await piecesOf(value)).toString(), `${JSON.stringify(value, null, 2)}\n`);
  });

  it('of the report of a large estate is never whole in memory', async () => {
    const report = sampleReport();
    const collections = Array.from({ length: 2000 }, () => report.collections[0]!);
    const pieces = await piecesOf({ ...report, collections });
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    const largest = Math.max(...pieces.map(({ length }) => length));
    assert.ok(bytes > 8e6 && largest < 512 * 1024, `${largest} of ${bytes} bytes at a time`);
  });
});

describe('a plan that the store has bent', () => {
  const plan = { version: 1, run: 'r', collections: [], shardsHash: textHash('[]') } as unknown as Plan;
  async function bent(key: string, text: string): Promise<ShardStore> {
    const store = await openStore(await temporaryFolder('bent-'));
    await store.writeText(keys.shards('r'), '[]');
    await writePlan(store, plan);
    await store.writeText(key, text);
    return store;
  }
  const isExplained = (error: Error) =>
    error instanceof StoreRefused &&
    /is lost or not what was written: restore it from a copy, or start a new run\.$/.test(error.message);

  it('is refused with what to do', async () => {
    const text = sealed(plan).replace('"version": 1', '"version": 3');
    await assert.rejects(readPlan(await bent(keys.plan('r'), text), 'r'), isExplained);
    await assert.rejects(readPlan(await bent(keys.plan('r'), text.slice(0, 40)), 'r'), isExplained);
  });

  it('is refused for its list of shards, too', async () => {
    await assert.rejects(requireShards(await bent(keys.shards('r'), '[ ]'), plan), isExplained);
  });
});
