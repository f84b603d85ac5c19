/** What Assign stores, and who sees it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnsupportedDefinition } from '../../local/state-machine/errors.ts';
import type { JsonObject } from '../../local/state-machine/json.ts';
import { outputOf, readMachine, task } from './run-definition.ts';

const pass = (fields: JsonObject) => ({ Type: 'Pass', ...fields });
const work = (n: unknown) => n;

describe('Assign', () => {
  it('is seen by all later states, whatever their input is', async () => {
    const states = {
      Plan: pass({ Assign: { run: '{% $states.input.run %}' }, Output: null, Next: 'Other' }),
      Other: pass({ Output: 'else', Next: 'Report' }),
      Report: pass({ Output: '{% $run %}', End: true }),
    };
    assert.equal(await outputOf({ StartAt: 'Plan', States: states }, { input: { run: 'r' } }), 'r');
  });

  it('takes effect after the state: its own Output and the other assignments see the old values', async () => {
    const states = {
      First: pass({ Assign: { a: 1, b: 2 }, Next: 'Swap' }),
      Swap: pass({ Assign: { a: '{% $b %}', b: '{% $a %}' }, Output: '{% [$a, $b] %}', Next: 'End' }),
      End: pass({ Output: { before: '{% $states.input %}', after: '{% [$a, $b] %}' }, End: true }),
    };
    assert.deepEqual(await outputOf({ StartAt: 'First', States: states }), { before: [1, 2], after: [2, 1] });
  });

  it('of a Task sees the result as it came, before Output', async () => {
    const states = {
      Work: task('work', { Assign: { all: '{% $states.result %}' }, Output: 'less', Next: 'End' }),
      End: pass({ Output: '{% $all.Payload %}', End: true }),
    };
    assert.equal(await outputOf({ StartAt: 'Work', States: states }, { input: 4, tasks: { work } }), 4);
  });

  it('inside an inline Map is each iteration’s own, and gone after it', async () => {
    const child = {
      StartAt: 'Keep',
      States: {
        Keep: pass({ Assign: { mine: '{% $states.input %}' }, Next: 'Use' }),
        Use: pass({ Output: '{% $mine * $factor %}', End: true }),
      },
    };
    const states = {
      Outer: pass({ Assign: { factor: 10 }, Next: 'Each' }),
      Each: { Type: 'Map', Items: [1, 2, 3], ItemProcessor: child, End: true },
    };
    assert.deepEqual(await outputOf({ StartAt: 'Outer', States: states }), [10, 20, 30]);
  });
});

describe('A definition is refused', () => {
  const refused = (States: JsonObject, sentence: RegExp) =>
    assert.throws(
      () => readMachine({ StartAt: Object.keys(States)[0]!, States }),
      (error: unknown) => error instanceof UnsupportedDefinition && sentence.test(error.message),
    );
  const map = (mode: string, child: JsonObject, fields: JsonObject = {}) => ({
    Type: 'Map',
    Items: [1],
    ItemProcessor: {
      ProcessorConfig: { Mode: mode, ...(mode === 'DISTRIBUTED' && { ExecutionType: 'STANDARD' }) },
      StartAt: 'Child',
      States: { Child: child },
    },
    End: true,
    ...fields,
  });
  const outer = pass({ Assign: { plan: 1 }, Next: 'Each' });

  it('if an expression uses a variable that nobody assigns', () => {
    refused({ Use: pass({ Output: '{% $plam.run %}', End: true }) }, /State Use, Output: uses \$plam/);
  });

  it('if a distributed child uses a variable of its surroundings', () => {
    const child = pass({ Output: '{% $plan %}', End: true });
    refused({ Outer: outer, Each: map('DISTRIBUTED', child) }, /State Child, Output: uses \$plan/);
    assert.ok(readMachine({ StartAt: 'Outer', States: { Outer: outer, Each: map('INLINE', child) } }));
  });

  it('if a map uses a variable of its child', () => {
    const child = pass({ Assign: { inner: 1 }, End: true });
    refused({ Each: map('INLINE', child, { Output: '{% $inner %}' }) }, /State Each, Output: uses \$inner/);
  });

  it('if an inline child assigns a variable of its surroundings', () => {
    const child = pass({ Assign: { plan: 2 }, End: true });
    refused({ Outer: outer, Each: map('INLINE', child) }, /\$plan, which belongs to the workflow around it/);
    assert.ok(readMachine({ StartAt: 'Outer', States: { Outer: outer, Each: map('DISTRIBUTED', child) } }));
  });

  it('if a variable has a name that is taken, or none', () => {
    refused(
      { A: pass({ Assign: { states: 1 }, End: true }) },
      /\$states, a name that JSONata or AWS has taken/,
    );
    refused({ A: pass({ Assign: { sum: 1 }, End: true }) }, /\$sum, a name that JSONata or AWS has taken/);
    refused({ A: pass({ Assign: { 'a-b': 1 }, End: true }) }, /'a-b', which is no name/);
  });

  it('but not if an expression names what it binds itself', () => {
    const Output = '{% ($x := 2; $map([1, 2], function($v, $i) { $v * $x + $i })) %}';
    assert.ok(readMachine({ StartAt: 'A', States: { A: pass({ Output, End: true }) } }));
  });
});
