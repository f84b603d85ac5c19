import {
  ALL_ERRORS,
  DataLimitExceeded,
  RESERVED_ERRORS,
  RuntimeFailure,
  TASK_FAILED,
  TaskTimedOut,
} from './errors.ts';
import type { Fields } from './fields.ts';

/**
 * The ErrorEquals of a Retry or Catch rule. States.TaskFailed stands for anything but States.Timeout,
 * States.ALL for anything; neither for States.DataLimitExceeded. Nothing matches States.Runtime.
 */
export class ErrorMatcher {
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    this.names = names;
  }

  /** @param last whether the rule is the last of its list, where alone States.ALL may stand */
  static read(rule: Fields, last: boolean): ErrorMatcher {
    const names = rule.strings('ErrorEquals');
    if (names.length === 0) rule.refuse('ErrorEquals', 'names no error');
    for (const name of names)
      if (name.startsWith('States.') && !RESERVED_ERRORS.has(name))
        rule.refuse('ErrorEquals', `names '${name}', which is no error of Step Functions`);
    if (names.includes(ALL_ERRORS) && (names.length > 1 || !last))
      rule.refuse('ErrorEquals', `must have ${ALL_ERRORS} alone and in the last rule`);
    return new ErrorMatcher(names);
  }

  matches(error: string): boolean {
    if (error === RuntimeFailure.errorName) return false;
    if (this.names.includes(error)) return true;
    if (error === DataLimitExceeded.errorName) return false;
    if (this.names.includes(ALL_ERRORS)) return true;
    return this.names.includes(TASK_FAILED) && error !== TaskTimedOut.errorName;
  }
}
