/**
 * The error names of Step Functions, one class each, as Retry and Catch name them.
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */

/** A state failed. `error` is what ErrorEquals is compared with, `cause` is text or Lambda's JSON. */
export class StateFailure extends Error {
  readonly error: string;
  override readonly cause: string;
  /** Name of the innermost state that failed; set on the way out. */
  state: string | null = null;
  /** The child's failure that made a Distributed Map fail. */
  readonly root: StateFailure | null;

  constructor(error: string, cause: string, root: StateFailure | null = null) {
    super(`${error}: ${cause}`);
    this.name = 'StateFailure';
    this.error = error;
    this.cause = cause;
    this.root = root;
  }
}

/** No answer within TimeoutSeconds. */
export class TaskTimedOut extends StateFailure {
  static readonly errorName = 'States.Timeout';
  constructor(seconds: number) {
    super(TaskTimedOut.errorName, `The task did not answer within its ${seconds} seconds.`);
  }
}

/** A payload is larger than a state may take or give. No wildcard matches it. */
export class DataLimitExceeded extends StateFailure {
  static readonly errorName = 'States.DataLimitExceeded';
  constructor(what: string, bytes: number, limit: number) {
    super(
      DataLimitExceeded.errorName,
      `${what} has ${bytes} bytes, more than the ${limit} that are allowed.`,
    );
  }
}

/** The execution cannot go on. Neither Retry nor Catch ever sees it. */
export class RuntimeFailure extends StateFailure {
  static readonly errorName = 'States.Runtime';
  constructor(cause: string) {
    super(RuntimeFailure.errorName, cause);
  }
}

/** A JSONata expression failed, gave nothing, or gave a value of a wrong type. */
export class QueryEvaluationError extends StateFailure {
  static readonly errorName = 'States.QueryEvaluationError';
  constructor(cause: string) {
    super(QueryEvaluationError.errorName, cause);
  }
}

/** No rule of a Choice holds and it has no Default. */
export class NoChoiceMatched extends StateFailure {
  static readonly errorName = 'States.NoChoiceMatched';
  constructor() {
    super(NoChoiceMatched.errorName, 'No rule of the Choice holds and it has no Default.');
  }
}

/** More children of a Map Run failed than it tolerates. */
export class ExceedToleratedFailureThreshold extends StateFailure {
  static readonly errorName = 'States.ExceedToleratedFailureThreshold';
  constructor(failed: number, total: number, root: StateFailure | null) {
    const cause = `The specified tolerated failure threshold was exceeded: ${failed} of ${total} children failed.`;
    super(ExceedToleratedFailureThreshold.errorName, cause, root);
  }
}

/** A Map Run could not read its items. */
export class ItemReaderFailed extends StateFailure {
  static readonly errorName = 'States.ItemReaderFailed';
  constructor(cause: string) {
    super(ItemReaderFailed.errorName, cause);
  }
}

/** A Map Run could not write its results. */
export class ResultWriterFailed extends StateFailure {
  static readonly errorName = 'States.ResultWriterFailed';
  constructor(cause: string) {
    super(ResultWriterFailed.errorName, cause);
  }
}

/** Wildcards of ErrorEquals; no state fails with them. */
export const ALL_ERRORS = 'States.ALL';
export const TASK_FAILED = 'States.TaskFailed';

/** Names that begin with `States.` belong to Step Functions: another one in a definition is a slip of the pen. */
export const RESERVED_ERRORS: ReadonlySet<string> = new Set([
  ALL_ERRORS,
  TASK_FAILED,
  TaskTimedOut.errorName,
  DataLimitExceeded.errorName,
  RuntimeFailure.errorName,
  QueryEvaluationError.errorName,
  NoChoiceMatched.errorName,
  ExceedToleratedFailureThreshold.errorName,
  ItemReaderFailed.errorName,
  ResultWriterFailed.errorName,
  'States.Permissions',
]);

/** The execution was stopped from outside. Not a state's failure, so nothing in the definition catches it. */
export class ExecutionAborted extends Error {
  override readonly name = 'ExecutionAborted';
}

/** The execution took longer than the definition's TimeoutSeconds. */
export class ExecutionTimedOut extends Error {
  override readonly name = 'ExecutionTimedOut';
}

/** A sibling failed, so this branch or child ends too. */
export class SiblingFailed extends Error {
  override readonly name = 'SiblingFailed';
}

/** The definition holds what this interpreter does not know, or what AWS would refuse. All mistakes at once. */
export class UnsupportedDefinition extends Error {
  override readonly name = 'UnsupportedDefinition';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `The state machine's definition cannot be run here:\n${problems.map((one) => `- ${one}`).join('\n')}`,
    );
    this.problems = problems;
  }
}
