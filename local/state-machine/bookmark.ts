import type { Json } from './json.ts';
import type { MapRun } from './map-run.ts';
import type { Variables } from './visit.ts';

/** The state that a workflow is in, with all that it began with. */
export interface Stand {
  readonly state: string;
  readonly input: Json;
  readonly variables: Variables;
}

/**
 * Where a workflow stands. It is kept while the workflow runs, so that a redrive goes on from the state that did not
 * succeed, with the same input: what has succeeded is not run again.
 * https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
 */
export class Bookmark {
  stand: Stand | null = null;
  /** What that state has begun: a Map Run, or iterations or branches of the same execution. */
  begun: MapRun | Iterations | null = null;

  enter(stand: Stand): void {
    this.stand = stand;
    this.begun = null;
  }
}

/** Inline iterations or branches side by side; a redrive runs those alone that did not succeed. */
export class Iterations {
  readonly results: Json[];
  readonly #bookmarks: readonly Bookmark[];
  readonly #done = new Set<number>();

  constructor(count: number) {
    this.results = new Array(count).fill(null);
    this.#bookmarks = this.results.map(() => new Bookmark());
  }

  /** Does the work of an index that has no result yet. */
  async do(index: number, work: (bookmark: Bookmark) => Promise<Json>): Promise<void> {
    if (this.#done.has(index)) return;
    this.results[index] = await work(this.#bookmarks[index] as Bookmark);
    this.#done.add(index);
  }
}
