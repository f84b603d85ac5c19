import { ErrorMatcher } from '../error-matching.ts';
import { StateFailure } from '../errors.ts';
import type { Fields } from '../fields.ts';
import type { Json } from '../json.ts';
import { Outcome } from '../outcome.ts';
import { Retrier, RetryCounter } from '../retry.ts';
import type { Visit } from '../visit.ts';
import { listOf, readNext, State, type StateContext, type Transition } from './state.ts';

/** A Task, Map or Parallel: what may be retried and caught. */
export abstract class FallibleState extends State {
  readonly #next: string | null;
  readonly #outcome: Outcome;
  readonly #retriers: readonly Retrier[];
  readonly #catchers: readonly Catcher[];

  constructor(name: string, fields: Fields, context: StateContext) {
    super(name);
    this.#next = readNext(fields);
    this.#outcome = new Outcome(fields, context);
    const retries = fields.list('Retry');
    this.#retriers = retries.map((rule, index) => new Retrier(rule, index === retries.length - 1));
    const catches = fields.list('Catch');
    this.#catchers = catches.map((rule, index) => new Catcher(rule, index === catches.length - 1, context));
  }

  /** Does the state's work once. */
  protected abstract attempt(visit: Visit): Promise<Json>;

  successors(): string[] {
    return [...listOf(this.#next), ...this.#catchers.map((one) => one.next)];
  }

  async run(visit: Visit): Promise<Transition> {
    const retries = new RetryCounter(this.#retriers);
    while (true) {
      try {
        const result = await this.attempt(visit);
        return { ...(await this.#outcome.evaluate(visit.bindings({ result }), result)), next: this.#next };
      } catch (error) {
        if (!(error instanceof StateFailure)) throw error;
        if (!(await this.#waitForRetry(visit, retries, error))) return await this.#catch(visit, error);
        // A retry does all of it again; only a redrive goes on with what was begun.
        visit.bookmark.begun = null;
      }
    }
  }

  async #waitForRetry(visit: Visit, retries: RetryCounter, failure: StateFailure): Promise<boolean> {
    const { clock, emit } = visit.execution;
    const { error, cause } = failure;
    const waitSeconds = retries.next(error, clock);
    if (waitSeconds === null) return false;
    visit.retries++;
    const { state, path, retries: attempt } = visit;
    emit({ type: 'retry', state, path, error, cause, attempt, waitSeconds });
    await clock.sleep(waitSeconds * 1000, visit.signal);
    return true;
  }

  async #catch(visit: Visit, failure: StateFailure): Promise<Transition> {
    const catcher = this.#catchers.find((one) => one.matches(failure.error));
    if (!catcher) throw failure;
    const errorOutput = { Error: failure.error, Cause: failure.cause };
    const outcome = await catcher.outcome.evaluate(visit.bindings({ errorOutput }), errorOutput);
    return { ...outcome, next: catcher.next };
  }
}

/** One rule of a Catch list. */
class Catcher {
  readonly next: string;
  readonly outcome: Outcome;
  readonly #matcher: ErrorMatcher;

  constructor(rule: Fields, last: boolean, context: StateContext) {
    this.#matcher = ErrorMatcher.read(rule, last);
    this.next = rule.string('Next');
    this.outcome = new Outcome(rule, context);
    rule.end();
  }

  matches(error: string): boolean {
    return this.#matcher.matches(error);
  }
}
