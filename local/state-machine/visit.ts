import type { Bookmark } from './bookmark.ts';
import type { Execution } from './execution.ts';
import type { Bindings } from './expression.ts';
import type { Json, JsonObject } from './json.ts';

export type Variables = Readonly<Record<string, Json>>;

/** The item that an inline iteration works on. */
export interface MapItem {
  index: number;
  value: Json;
}

/** Where a workflow runs: in which execution, for which item, and who can stop it. */
export interface Surroundings {
  readonly execution: Execution;
  readonly path: readonly string[];
  readonly mapItem: MapItem | null;
  readonly signal: AbortSignal;
  /** Of this workflow: where a redrive would go on. */
  readonly bookmark: Bookmark;
}

/** One stay in a state: everything that its fields may depend on. */
export class Visit {
  readonly state: string;
  readonly input: Json;
  readonly variables: Variables;
  readonly surroundings: Surroundings;
  readonly path: readonly string[];
  /** Retries of this visit so far. */
  retries = 0;
  readonly #enteredAt: number;

  constructor(state: string, input: Json, variables: Variables, surroundings: Surroundings) {
    this.state = state;
    this.input = input;
    this.variables = variables;
    this.surroundings = surroundings;
    this.path = [...surroundings.path, state];
    this.#enteredAt = surroundings.execution.clock.now();
  }

  get execution(): Execution {
    return this.surroundings.execution;
  }
  get signal(): AbortSignal {
    return this.surroundings.signal;
  }
  get bookmark(): Bookmark {
    return this.surroundings.bookmark;
  }

  /**
   * What an expression of this state sees.
   * @param more `result` or `errorOutput`, in the fields that have them
   * @param mapItem the item, in an ItemSelector
   */
  bindings(more: JsonObject = {}, mapItem = this.surroundings.mapItem): Bindings {
    const context: JsonObject = {
      ...this.execution.context(),
      State: {
        EnteredTime: new Date(this.#enteredAt).toISOString(),
        Name: this.state,
        RetryCount: this.retries,
      },
    };
    if (mapItem) context.Map = { Item: { Index: mapItem.index, Value: mapItem.value } };
    return {
      ...this.execution.functions,
      ...this.variables,
      states: { input: this.input, context, ...more },
    };
  }
}
