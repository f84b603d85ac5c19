import { RuntimeFailure } from './errors.ts';
import { HISTORY_EVENTS } from './limits.ts';

/**
 * Counts the events that Step Functions would write, by the names of its HistoryEvent types. Each child of a
 * Distributed Map has a history of its own; inline iterations and branches share their execution's.
 */
export class History {
  #events = 0;

  get events(): number {
    return this.#events;
  }

  /** @throws RuntimeFailure when only the place of the execution's own last event is left */
  record(type: string): void {
    if (this.#events >= HISTORY_EVENTS - 1)
      throw new RuntimeFailure(
        `The execution reached the maximum number of history events (${HISTORY_EVENTS}) before ${type}.`,
      );
    this.#events++;
  }

  /** The execution's last event, for which there is always room. */
  recordEnd(): void {
    this.#events++;
  }
}
