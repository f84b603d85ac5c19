import type { Clock } from './clock.ts';
import { ErrorMatcher } from './error-matching.ts';
import type { Fields } from './fields.ts';
import { LONGEST_SECONDS } from './limits.ts';

/** A year and a day; AWS takes less than that. */
const LONGEST_DELAY = 31_622_400;

/** One rule of a Retry list. https://states-language.net/#retrying-after-error */
export class Retrier {
  readonly #matcher: ErrorMatcher;
  readonly #intervalSeconds: number;
  readonly #maxAttempts: number;
  readonly #backoffRate: number;
  readonly #maxDelaySeconds: number;
  readonly #fullJitter: boolean;

  constructor(rule: Fields, last: boolean) {
    this.#matcher = ErrorMatcher.read(rule, last);
    this.#intervalSeconds = rule.number('IntervalSeconds', {
      otherwise: 1,
      min: 1,
      max: LONGEST_SECONDS,
      whole: true,
    });
    this.#maxAttempts = rule.number('MaxAttempts', {
      otherwise: 3,
      min: 0,
      max: LONGEST_SECONDS,
      whole: true,
    });
    this.#backoffRate = rule.number('BackoffRate', { otherwise: 2, min: 1, max: Number.MAX_VALUE });
    this.#maxDelaySeconds = rule.number('MaxDelaySeconds', {
      otherwise: Number.POSITIVE_INFINITY,
      min: this.#intervalSeconds + 1,
      max: LONGEST_DELAY - 1,
      whole: true,
    });
    const jitter = rule.optionalString('JitterStrategy') ?? 'NONE';
    if (jitter !== 'FULL' && jitter !== 'NONE')
      rule.refuse('JitterStrategy', `must be FULL or NONE, not '${jitter}'`);
    this.#fullJitter = jitter === 'FULL';
    rule.end();
  }

  matches(error: string): boolean {
    return this.#matcher.matches(error);
  }

  /**
   * Seconds to wait before retry number `attempt` (from 1): interval · rate^(attempt − 1), at most MaxDelaySeconds;
   * under full jitter a random part of it. Null when the attempts are used up.
   */
  wait(attempt: number, clock: Clock): number | null {
    if (attempt > this.#maxAttempts) return null;
    const backoff = this.#intervalSeconds * this.#backoffRate ** (attempt - 1);
    const delay = Math.min(backoff, this.#maxDelaySeconds);
    return this.#fullJitter ? delay * clock.random() : delay;
  }
}

/** The attempts of one visit: each rule counts its own. */
export class RetryCounter {
  readonly #retriers: readonly Retrier[];
  readonly #attempts = new Map<Retrier, number>();

  constructor(retriers: readonly Retrier[]) {
    this.#retriers = retriers;
  }

  /** Seconds to wait before the next attempt; null if the first rule for this error allows none, or none is for it. */
  next(error: string, clock: Clock): number | null {
    const retrier = this.#retriers.find((one) => one.matches(error));
    if (!retrier) return null;
    const attempt = (this.#attempts.get(retrier) ?? 0) + 1;
    this.#attempts.set(retrier, attempt);
    return retrier.wait(attempt, clock);
  }
}
