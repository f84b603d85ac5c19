import type { Fields } from '../fields.ts';
import { STATE_NAME_LENGTH } from '../limits.ts';
import { ChoiceState } from './choice.ts';
import { DistributedMapState } from './distributed-map.ts';
import { FailState } from './fail.ts';
import { InlineMapState } from './inline-map.ts';
import { ParallelState } from './parallel.ts';
import { PassState } from './pass.ts';
import type { State, StateContext } from './state.ts';
import { SucceedState } from './succeed.ts';
import { TaskState } from './task.ts';
import { WaitState } from './wait.ts';

type Reader = (name: string, fields: Fields, context: StateContext) => State;

const READERS: Record<string, Reader> = {
  Choice: (...args) => new ChoiceState(...args),
  Fail: (...args) => new FailState(...args),
  Map: readMap,
  Parallel: (...args) => new ParallelState(...args),
  Pass: (...args) => new PassState(...args),
  Succeed: (...args) => new SucceedState(...args),
  Task: (...args) => new TaskState(...args),
  Wait: (...args) => new WaitState(...args),
};

/** The state of that name; null if its Type is none. What else is wrong is added to the context's problems. */
export function readState(name: string, fields: Fields, context: StateContext): State | null {
  if (context.names.has(name)) fields.problems.add(fields.where, 'has the name of another state');
  if (name.length > STATE_NAME_LENGTH)
    fields.problems.add(fields.where, `has a name of more than ${STATE_NAME_LENGTH} characters`);
  context.names.add(name);
  const language = fields.optionalString('QueryLanguage') ?? 'JSONata';
  if (language !== 'JSONata') fields.refuse('QueryLanguage', `must be JSONata, not '${language}'`);
  const type = fields.string('Type');
  const read = READERS[type];
  if (!read) {
    fields.refuse('Type', `is one that is not implemented here: '${type}'`);
    return null;
  }
  const state = read(name, fields, context);
  fields.end();
  return state;
}

function readMap(name: string, fields: Fields, context: StateContext): State {
  const processor = fields.object('ItemProcessor');
  const config = processor.has('ProcessorConfig') ? processor.object('ProcessorConfig') : null;
  const mode = config?.optionalString('Mode') ?? 'INLINE';
  if (mode !== 'INLINE' && mode !== 'DISTRIBUTED')
    config?.refuse('Mode', `must be INLINE or DISTRIBUTED, not '${mode}'`);
  if (mode === 'DISTRIBUTED') {
    const type = config?.string('ExecutionType');
    if (type !== 'STANDARD') config?.refuse('ExecutionType', `must be STANDARD, not '${type}'`);
  }
  config?.end();
  const kind = mode === 'DISTRIBUTED' ? 'distributed' : 'inline';
  const child = context.readWorkflow(processor, kind);
  processor.end();
  const MapState = kind === 'inline' ? InlineMapState : DistributedMapState;
  return new MapState(name, fields, context, child);
}
