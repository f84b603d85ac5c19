import type { Fields } from './fields.ts';
import type { Json } from './json.ts';

/** What a Task's Resource stands for, by its ARN. */
export interface TaskResource {
  /** Refuses the arguments that it does not implement; reads every field that it does. */
  check(args: Fields): void;
  /**
   * Does the task.
   * @throws StateFailure with the error name that AWS would report
   */
  call(args: Json, signal: AbortSignal): Promise<Json>;
}

export type TaskResources = ReadonlyMap<string, TaskResource>;
