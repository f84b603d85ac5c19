import { type Bookmark, Iterations } from '../bookmark.ts';
import { runConcurrently } from '../concurrency.ts';
import { StateFailure } from '../errors.ts';
import type { Fields } from '../fields.ts';
import type { Json } from '../json.ts';
import { checkPayload, INLINE_CONCURRENCY } from '../limits.ts';
import type { MapItem, Visit } from '../visit.ts';
import type { Workflow } from '../workflow.ts';
import { FallibleState } from './fallible-state.ts';
import { MapItems } from './map-items.ts';
import type { StateContext } from './state.ts';

/** Iterations in the same execution; the first that fails stops the others and fails the state. */
export class InlineMapState extends FallibleState {
  readonly type = 'Map';
  readonly #items: MapItems;
  readonly #child: Workflow;

  constructor(name: string, fields: Fields, context: StateContext, child: Workflow) {
    super(name, fields, context);
    this.#items = new MapItems(fields, context);
    this.#child = child;
  }

  protected async attempt(visit: Visit): Promise<Json> {
    const { history } = visit.execution;
    const items = await this.#items.list(visit);
    const concurrency = await this.#items.concurrency(visit, INLINE_CONCURRENCY);
    const { begun } = visit.bookmark;
    const iterations = begun instanceof Iterations ? begun : new Iterations(items.length);
    visit.bookmark.begun = iterations;
    const { results } = iterations;
    history.record('MapStateStarted');
    try {
      await runConcurrently(items.length, concurrency, visit.signal, (index, signal) =>
        iterations.do(index, (bookmark) =>
          this.#iterate(visit, { index, value: items[index] as Json }, signal, bookmark),
        ),
      );
      checkPayload("The iterations' results", results);
    } catch (error) {
      if (error instanceof StateFailure) history.record('MapStateFailed');
      throw error;
    }
    history.record('MapStateSucceeded');
    return results;
  }

  async #iterate(visit: Visit, mapItem: MapItem, signal: AbortSignal, bookmark: Bookmark): Promise<Json> {
    const { history } = visit.execution;
    history.record('MapIterationStarted');
    const path = [...visit.path, String(mapItem.index)];
    try {
      const input = await this.#items.childInput(visit, mapItem.index, mapItem.value);
      const surroundings = { execution: visit.execution, path, mapItem, signal, bookmark };
      const result = await this.#child.run(input, visit.variables, surroundings);
      history.record('MapIterationSucceeded');
      return result;
    } catch (error) {
      if (error instanceof StateFailure) history.record('MapIterationFailed');
      throw error;
    }
  }
}
