import type { PlanStepOutput } from '../../src/contract.ts';
import { Counter } from './counter.ts';

export type Phase =
  | 'plan'
  | 'prepare'
  | 'read'
  | 'export'
  | 'import'
  | 'migrate'
  | 'index'
  | 'verify'
  | 'publish'
  | 'report';

/** One phase as a person sees it: how much of what is done, how fast, how much longer. */
export interface PhaseView {
  phase: Phase;
  done: number;
  /** 0 while it is not known, and in phases that have no parts. */
  total: number;
  unit: 'records' | 'shards' | 'collections' | 'batches';
  /** Units a second over the last seconds; null before there is enough to tell. */
  rate: number | null;
  secondsLeft: number | null;
  /** What is done beside it while records are imported: the export, which goes ahead. */
  exported: { share: number; rate: number | null } | null;
  /** What is being done now: a collection's schema, or an index. */
  detail: string | null;
  /** Of the index that is being built. */
  index: { percent: number; secondsLeft: number | null } | null;
}

type Counted = Whole | 'read' | 'export' | 'import' | 'index' | 'verify';
/** Phases that are one call for all collections. */
type Whole = 'plan' | 'prepare' | 'publish';
const UNITS: Partial<Record<Phase, PhaseView['unit']>> = {
  ...{ read: 'records', export: 'records', import: 'records' },
  ...{ plan: 'collections', prepare: 'collections', publish: 'collections' },
  ...{ index: 'collections', verify: 'collections' },
};

const PHASE_OF_STATE: Record<string, Phase> = {
  Plan: 'plan',
  PrepareDatabase: 'prepare',
  MigrateShards: 'export',
  MigrateUnfinishedShards: 'export',
  IndexCollections: 'index',
  VerifyCollections: 'verify',
  Publish: 'publish',
  WriteReport: 'report',
};

/** What a display shows: how far the work is at a time, in milliseconds. */
export interface ProgressSource {
  view(at: number): PhaseView;
}

/** Follows a run by the lines that its handlers log (src/log.ts): the same lines are there on AWS. */
export class Progress implements ProgressSource {
  readonly #counters: Record<Counted, Counter> = {
    ...{ read: new Counter(), export: new Counter(), import: new Counter() },
    ...{ plan: new Counter(), prepare: new Counter(), publish: new Counter() },
    ...{ index: new Counter(), verify: new Counter() },
  };
  #phase: Phase = 'plan';
  #records = 0;
  #collections = 0;
  /** Of a phase that is one call, once it says so: it does of more collections than it goes through at a time. */
  #of = 0;
  #detail: string | null = null;
  /** Percentage of the index of `#detail`. */
  #index: Counter | null = null;

  /** The line that a handler logged. @param at milliseconds */
  log(fields: Record<string, unknown>, at: number): void {
    const schema = String(fields.schema);
    switch (fields.message) {
      case 'planned':
        this.#records = Number(fields.records);
        this.#collections = (fields as unknown as PlanStepOutput).collections;
        break;
      case 'progress':
        this.#progress(fields, schema, at);
        break;
      case 'shard exported':
        this.#shard('export', fields, schema, at);
        break;
      case 'shard imported':
        this.#shard('import', fields, schema, at);
        break;
      case 'indexes valid':
        this.#collection('index', schema, at);
        break;
      case 'collection verified':
        this.#collection('verify', schema, at);
        break;
    }
  }

  /** The state that the machine entered. */
  state(name: string): void {
    const phase = PHASE_OF_STATE[name];
    if (phase) this.#enter(phase, null);
  }

  view(at: number): PhaseView {
    const phase = this.#phase;
    const unit = UNITS[phase];
    const isCounted = phase === 'index' || phase === 'verify';
    const counter = unit && this.#counters[phase as Counted];
    const total = unit === 'records' ? this.#records : isCounted ? this.#collections : this.#of;
    const percent = this.#index?.done;
    return {
      ...{ phase, total, unit: unit ?? 'records', detail: this.#detail },
      done: counter ? Math.min(counter.done, total) : 0,
      rate: counter?.rate(at) ?? null,
      secondsLeft: counter?.secondsLeft(total, at) ?? null,
      exported: phase === 'import' ? this.#exported(at) : null,
      index:
        percent === undefined ? null : { percent, secondsLeft: this.#index?.secondsLeft(100, at) ?? null },
    };
  }

  /** Records so far, for a curve of them over time. */
  get records(): { total: number; exported: number; imported: number } {
    const { export: exported, import: imported } = this.#counters;
    return { total: this.#records, exported: exported.done, imported: imported.done };
  }

  #exported(at: number): PhaseView['exported'] {
    const { export: counter } = this.#counters;
    if (this.#records === 0 || counter.done >= this.#records) return null;
    return { share: counter.done / this.#records, rate: counter.rate(at) };
  }

  #progress(fields: Record<string, unknown>, schema: string, at: number): void {
    const phase = fields.phase as Counted;
    if (phase === 'plan' || phase === 'prepare' || phase === 'publish') this.#whole(phase, fields, at);
    else if (phase !== 'index' && phase !== 'verify') this.#shard(phase, fields, schema, at);
    else if (phase === 'verify' || fields.index == null) this.#enter(phase, schema);
    else this.#building(`${schema}.${fields.index}`, fields.percent, at);
  }

  #whole(phase: Whole, { collections, of }: Record<string, unknown>, at: number): void {
    this.#enter(phase, null);
    this.#of = Number(of);
    this.#counters[phase].set('', Number(collections), at);
  }

  #building(index: string, percent: unknown, at: number): void {
    if (this.#detail !== index) this.#enter('index', index);
    if (percent == null) return;
    this.#index ??= new Counter();
    this.#index.set(index, Number(percent), at);
  }

  #shard(
    phase: 'read' | 'export' | 'import',
    { shard, records, skipped }: Record<string, unknown>,
    schema: string,
    at: number,
  ): void {
    const part = `${schema}/${shard}`;
    if (skipped) this.#counters[phase].find(part, Number(records));
    else this.#counters[phase].set(part, Number(records), at);
    // Both run side by side; the import is what there is to wait for.
    this.#enter(phase === 'export' && this.#counters.import.begun ? 'import' : phase, null);
  }

  #collection(phase: 'index' | 'verify', schema: string, at: number): void {
    this.#counters[phase].set(schema, 1, at);
    this.#enter(phase, null);
  }

  #enter(phase: Phase, detail: string | null): void {
    this.#phase = phase;
    this.#detail = detail;
    this.#index = null;
    this.#of = 0;
  }
}
