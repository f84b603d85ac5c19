import { Counter } from '../progress/counter.ts';
import type { Phase, PhaseView, ProgressSource } from '../progress/progress.ts';
import type { Look } from './look.ts';

/** A child of a map takes a minute or more: over ten seconds its rate would jump between nothing and much. */
const WINDOW_SECONDS = 300;

const PHASES: Record<string, { phase: Phase; unit: PhaseView['unit'] }> = {
  Plan: { phase: 'plan', unit: 'shards' },
  // A Map Run counts its children: each is a large shard or collection, or many small ones.
  MigrateShards: { phase: 'migrate', unit: 'batches' },
  MigrateUnfinishedShards: { phase: 'migrate', unit: 'batches' },
  IndexCollections: { phase: 'index', unit: 'batches' },
  VerifyCollections: { phase: 'verify', unit: 'batches' },
  Publish: { phase: 'publish', unit: 'collections' },
  WriteReport: { phase: 'report', unit: 'collections' },
};

/** The progress of an execution on AWS, out of the counts of its Map Runs. */
export class ExecutionProgress implements ProgressSource {
  #look: Look | null = null;
  #phase = PHASES.Plan!;
  /** Of each map; a redrive goes on with the same. */
  readonly #counters = new Map<string, Counter>();
  #index: { name: string; counter: Counter } | null = null;

  /** @param at milliseconds */
  update(look: Look, at: number): void {
    this.#look = look;
    this.#phase = PHASES[look.state ?? ''] ?? this.#phase;
    for (const { map, succeeded } of look.maps) {
      const known = this.#counters.get(map);
      const counter = known ?? new Counter(WINDOW_SECONDS);
      this.#counters.set(map, counter);
      // What was done before somebody looked says nothing of the speed.
      if (!known) counter.find(map, succeeded);
      counter.set(map, succeeded, at);
    }
    const { index } = look;
    if (index === null) this.#index = null;
    else {
      if (this.#index?.name !== index.name)
        this.#index = { name: index.name, counter: new Counter(WINDOW_SECONDS) };
      this.#index.counter.set(index.name, index.percent, at);
    }
  }

  view(at: number): PhaseView {
    const { phase, unit } = this.#phase;
    const { state = null, maps = [] } = this.#look ?? {};
    const counts = maps.findLast(({ map }) => map === state);
    const counter = counts && this.#counters.get(counts.map);
    const total = counts?.total ?? 0;
    return {
      ...{ phase, unit, total },
      done: counts?.succeeded ?? 0,
      rate: counter?.rate(at) ?? null,
      secondsLeft: counter?.secondsLeft(total, at) ?? null,
      exported: null,
      detail: counts?.failed ? `${counts.failed} failed` : (this.#index?.name ?? null),
      index: this.#index && {
        percent: this.#index.counter.done,
        secondsLeft: this.#index.counter.secondsLeft(100, at),
      },
    };
  }
}
