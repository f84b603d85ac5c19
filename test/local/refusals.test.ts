/** What the interpreter does not know it refuses before anything runs, by state and field. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnsupportedDefinition } from '../../local/state-machine/errors.ts';
import type { Json, JsonObject } from '../../local/state-machine/json.ts';
import { only, readMachine, task } from './run-definition.ts';

const tasks = { work: () => 1 };
const pass = { Type: 'Pass', End: true };
const wait = { Type: 'Wait', Seconds: 1, End: true };
const child = { StartAt: 'Work', States: { Work: task('work') } };
const distributed = {
  ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
  ...child,
};
const map = (fields: JsonObject) => ({ Type: 'Map', End: true, ItemProcessor: child, ...fields });
const retry = (rule: JsonObject) => task('work', { End: true, Retry: [{ ErrorEquals: ['Busy'], ...rule }] });
const reader = (fields: JsonObject) =>
  map({
    ItemProcessor: distributed,
    ItemReader: {
      Resource: 'arn:aws:states:::s3:getObject',
      ReaderConfig: { InputType: 'JSON' },
      Arguments: { Bucket: 'bucket', Key: 'k' },
      ...fields,
    },
  });

function problems(definition: JsonObject): readonly string[] {
  try {
    readMachine(definition, { tasks });
    return [];
  } catch (error) {
    if (error instanceof UnsupportedDefinition) return error.problems;
    throw error;
  }
}

describe('A definition with one mistake', () => {
  for (const [state, sentence] of [
    [{ ...pass, Parameters: {} }, 'State Only: Parameters is a field that is not implemented here.'],
    [{ ...pass, ResultPath: '$.x' }, 'State Only: ResultPath is a field that is not implemented here.'],
    [{ ...pass, Retry: [] }, 'State Only: Retry is a field that is not implemented here.'],
    [{ ...pass, QueryLanguage: 'JSONPath' }, "State Only: QueryLanguage must be JSONata, not 'JSONPath'."],
    [{ Type: 'Dance', End: true }, "State Only: Type is one that is not implemented here: 'Dance'."],
    [{ Type: 'Pass' }, 'State Only: must have either Next or "End": true.'],
    [{ ...pass, Next: 'Only' }, 'State Only: must have either Next or "End": true.'],
    [{ Type: 'Succeed', Assign: { a: 1 } }, 'State Only: Assign is no field of a Succeed state.'],
    [{ Type: 'Pass', Next: 'Elsewhere' }, "State Only: leads to 'Elsewhere', which is not there."],
    [
      { ...pass, Output: '{% 1 + %}' },
      "State Only, Output: '1 +' is no JSONata: Unexpected end of expression.",
    ],
    [{ ...pass, Output: '{% 1' }, "State Only, Output: '{% 1' is neither text nor a whole {% … %}."],
    [
      { ...pass, Output: { deep: ["{% $eval('1') %}"] } },
      'State Only, Output.deep[0]: uses $eval, which Step Functions does not have.',
    ],
    [{ ...wait, Timestamp: '{% $now() %}' }, 'State Only: must have either Seconds or Timestamp.'],
    [{ ...wait, Seconds: -1 }, 'State Only: Seconds must be a whole number from 0 to 99999999, not -1.'],
    [{ Type: 'Choice', Choices: [] }, 'State Only: Choices must hold a rule.'],
    [
      { Type: 'Choice', Choices: [{ Variable: '$.a', Condition: true, Next: 'Only' }] },
      'State Only, Choices[0]: Variable is a field that is not implemented here.',
    ],
    [
      { ...task('work'), Resource: 'arn:aws:states:::sqs:sendMessage' },
      "State Only: Resource is one that is not implemented here: 'arn:aws:states:::sqs:sendMessage'.",
    ],
    [
      { ...task('work'), Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken' },
      "State Only: Resource is one that is not implemented here: 'arn:aws:states:::lambda:invoke.waitForTaskToken'.",
    ],
    [task('wrok'), "State Only, Arguments: FunctionName names no function of the assembly: 'wrok'."],
    [
      task('work', { End: true, Arguments: { FunctionName: 'work', InvocationType: 'Event' } }),
      'State Only, Arguments: InvocationType is a field that is not implemented here.',
    ],
    [
      task('work', { End: true, HeartbeatSeconds: 5 }),
      'State Only: HeartbeatSeconds is a field that is not implemented here.',
    ],
    [
      task('work', { End: true, TimeoutSeconds: 0 }),
      'State Only: TimeoutSeconds must be a whole number from 1 to 99999999, not 0.',
    ],
    [retry({ BackoffRate: 0.5 }), /^State Only, Retry\[0\]: BackoffRate must be a number from 1 /],
    [
      retry({ IntervalSeconds: 0 }),
      'State Only, Retry[0]: IntervalSeconds must be a whole number from 1 to 99999999, not 0.',
    ],
    [
      retry({ IntervalSeconds: 5, MaxDelaySeconds: 5 }),
      /^State Only, Retry\[0\]: MaxDelaySeconds must be a whole number from 6 /,
    ],
    [
      retry({ JitterStrategy: 'SOME' }),
      "State Only, Retry[0]: JitterStrategy must be FULL or NONE, not 'SOME'.",
    ],
    [retry({ ErrorEquals: [] }), 'State Only, Retry[0]: ErrorEquals names no error.'],
    [
      retry({ ErrorEquals: ['States.ALL', 'Busy'] }),
      'State Only, Retry[0]: ErrorEquals must have States.ALL alone and in the last rule.',
    ],
    [
      task('work', { End: true, Retry: [{ ErrorEquals: ['States.ALL'] }, { ErrorEquals: ['Busy'] }] }),
      'State Only, Retry[0]: ErrorEquals must have States.ALL alone and in the last rule.',
    ],
    [
      retry({ ErrorEquals: ['States.TimeOut'] }),
      "State Only, Retry[0]: ErrorEquals names 'States.TimeOut', which is no error of Step Functions.",
    ],
    [
      task('work', { End: true, Catch: [{ ErrorEquals: ['Busy'], Next: 'Only', ResultPath: '$.e' }] }),
      'State Only, Catch[0]: ResultPath is a field that is not implemented here.',
    ],
    [map({ Label: 'shards' }), 'State Only: Label is a field that is not implemented here.'],
    [map({ ItemReader: {} }), 'State Only: ItemReader is a field that is not implemented here.'],
    [
      map({ ToleratedFailureCount: 1 }),
      'State Only: ToleratedFailureCount is a field that is not implemented here.',
    ],
    [map({ MaxConcurrency: 1.5 }), /^State Only: MaxConcurrency must be a whole number from 0 /],
    [
      map({
        ItemProcessor: { ...distributed, ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' } },
      }),
      "State Only, ItemProcessor, ProcessorConfig: ExecutionType must be STANDARD, not 'EXPRESS'.",
    ],
    [
      map({ ItemProcessor: distributed, ItemBatcher: { MaxItemsPerBatch: 5 } }),
      'State Only: ItemBatcher is a field that is not implemented here.',
    ],
    [
      map({ ItemProcessor: distributed, ToleratedFailurePercentage: 101 }),
      'State Only: ToleratedFailurePercentage must be a number from 0 to 100, not 101.',
    ],
    [
      map({ ItemProcessor: distributed, Label: 'a label with spaces' }),
      "State Only: Label must be 1 to 40 letters, digits, dashes and underscores, not 'a label with spaces'.",
    ],
    [reader({}), "State Only, ItemReader, Arguments: Bucket names no bucket of the assembly: 'bucket'."],
    [
      map({
        ItemProcessor: distributed,
        ResultWriter: {
          Resource: 'arn:aws:states:::s3:putObject',
          Arguments: { Bucket: 'elsewhere' },
          WriterConfig: { OutputType: 'JSONL' },
        },
      }),
      "State Only, ResultWriter, Arguments: Bucket names no bucket of the assembly: 'elsewhere'.",
    ],
  ] as [JsonObject, string | RegExp][])
    it(`says: ${sentence}`, () => {
      const found = problems(only(state as JsonObject));
      if (typeof sentence === 'string') assert.ok(found.includes(sentence), found.join('\n'));
      else assert.match(found.join('\n'), sentence);
    });
});

describe('A definition', () => {
  it('is told all of its mistakes at once, those of its children too', () => {
    const broken = map({
      ItemProcessor: { StartAt: 'Work', States: { Work: { ...task('work'), InputPath: '$' } } },
    });
    const found = problems({
      StartAt: 'Each',
      Timeout: 5,
      States: { Each: { ...broken, ResultSelector: {} } },
    });
    assert.deepEqual(found, [
      'State Work: InputPath is a field that is not implemented here.',
      'State Each: ResultSelector is a field that is not implemented here.',
      'The state machine: Timeout is a field that is not implemented here.',
    ]);
  });

  it('is refused in JSONPath, which is what it is in where it does not say', () => {
    assert.match(
      problems({ ...only(pass), QueryLanguage: 'JSONPath' } as JsonObject).join(),
      /must be JSONata/,
    );
    assert.match(
      problems({ ...only(pass), QueryLanguage: undefined as unknown as Json }).join(),
      /QueryLanguage is missing/,
    );
  });

  it('is refused if two states have one name, or one is never reached', () => {
    const twice = { ...only(map({ ItemProcessor: { StartAt: 'Only', States: { Only: task('work') } } })) };
    assert.deepEqual(problems(twice), ['State Only: has the name of another state.']);
    const lost = { StartAt: 'A', States: { A: pass, Lost: pass } };
    assert.deepEqual(problems(lost), ['State Lost: is one that no other leads to.']);
  });

  it('may have comments anywhere that AWS takes them', () => {
    const state = { ...retry({ Comment: 'why' }), Comment: 'what' };
    assert.deepEqual(problems({ ...only(state), Comment: 'all' }), []);
  });
});
