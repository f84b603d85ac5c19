/** What a store has bent is noticed, also where it is still JSON. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Plan } from '../../src/contract.ts';
import { StoreRefused } from '../../src/errors.ts';
import { readPlan, requireShards, writePlan } from '../../src/plan/plan-file.ts';
import { sealed, textHash, unsealed } from '../../src/store/json.ts';
import { keys } from '../../src/store/keys.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { ShardStore } from '../../src/store/store.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

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
