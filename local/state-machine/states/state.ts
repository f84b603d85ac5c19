import type { ShardStore } from '../../../src/store/store.ts';
import type { ParseContext } from '../expression.ts';
import type { Fields } from '../fields.ts';
import type { Json } from '../json.ts';
import type { TaskResources } from '../resource.ts';
import type { Variables, Visit } from '../visit.ts';
import type { Workflow } from '../workflow.ts';

/** Where a state leads: its output, the next state's name (null at the end), and what it assigned. */
export interface Transition {
  output: Json;
  next: string | null;
  assigned: Variables;
}

/** What states are read with. */
export interface StateContext extends ParseContext {
  readonly resources: TaskResources;
  /** Stores by the name of their bucket in the definition. */
  readonly buckets: ReadonlyMap<string, ShardStore>;
  /** All names so far: they are unique in the whole machine. */
  readonly names: Set<string>;
  readonly labels: Set<string>;
  /** Reads the states of a branch or of a map's child. */
  readWorkflow(fields: Fields, kind: 'inline' | 'distributed'): Workflow;
}

/** A state as the definition has it; all that changes while it runs is in its visits. */
export abstract class State {
  readonly name: string;
  /** The definition's Type, by which the history names its events. */
  abstract readonly type: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Names of all states that may come next. */
  abstract successors(): string[];

  abstract run(visit: Visit): Promise<Transition>;
}

/** Next or End, of which there must be one. */
export function readNext(fields: Fields): string | null {
  const next = fields.optionalString('Next');
  const end = fields.boolean('End');
  if (end === (next !== null)) fields.problems.add(fields.where, 'must have either Next or "End": true');
  return next;
}

export const listOf = (next: string | null): string[] => (next === null ? [] : [next]);
