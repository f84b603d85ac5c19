import type { PlanStepOutput } from '../../src/contract.ts';

export type Phase = 'plan' | 'export' | 'import' | 'index' | 'verify' | 'publish' | 'report';

/** One phase as a person sees it: how much of what is done, how fast, how much longer. */
export interface PhaseView {
  phase: Phase;
  done: number;
  /** 0 while it is not known. */
  total: number;
  unit: 'records' | 'collections';
  /** Units a second over the last seconds; null before there is enough to tell. */
  rate: number | null;
  secondsLeft: number | null;
  /** What is being done now, for one an index's name and percentage. */
  detail: string | null;
}

/** Seconds over which a rate is taken: long enough to be calm, short enough to notice a stall. */
const RATE_WINDOW_SECONDS = 10;

/**
 * Follows a run by the lines that its handlers log (src/log.ts): the same lines are there on AWS. Counts of
 * shards that are under way are replaced by their final count, so nothing is counted twice when a shard is
 * tried again.
 */
export class Progress {
  readonly #counts = { export: new Map<string, number>(), import: new Map<string, number>() };
  readonly #samples = new Map<Phase, { at: number; done: number }[]>();
  readonly #indexed = new Set<string>();
  readonly #verified = new Set<string>();
  #phase: Phase = 'plan';
  #records = 0;
  #collections = 0;
  #detail: string | null = null;

  /** The line that a handler logged. @param at milliseconds */
  log(fields: Record<string, unknown>, at: number): void {
    const key = `${fields.schema}/${fields.shard ?? ''}`;
    const records = Number(fields.records ?? 0);
    switch (fields.message) {
      case 'planned':
        this.#records = records;
        this.#collections = (fields as unknown as PlanStepOutput).collections;
        break;
      case 'progress':
        this.#partial(fields, key, records, at);
        break;
      case 'shard exported':
        this.#set('export', key, records, at);
        break;
      case 'shard imported':
        this.#set('import', key, records, at);
        break;
      case 'indexes valid':
        this.#indexed.add(String(fields.schema));
        this.#enter('index', null);
        break;
      case 'collection verified':
        this.#verified.add(String(fields.schema));
        this.#enter('verify', null);
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
    const unit = phase === 'export' || phase === 'import' ? 'records' : 'collections';
    const total = unit === 'records' ? this.#records : this.#collections;
    const done = this.#done(phase);
    const rate = this.#rate(phase, at);
    const secondsLeft = rate && total > done ? (total - done) / rate : null;
    return {
      phase,
      done: Math.min(done, total || done),
      total,
      unit,
      rate,
      secondsLeft,
      detail: this.#detail,
    };
  }

  #partial(fields: Record<string, unknown>, key: string, records: number, at: number): void {
    const phase = fields.phase as Phase;
    if (phase === 'export' || phase === 'import') this.#set(phase, key, records, at);
    else {
      const percent = fields.percent == null ? '' : ` ${Math.round(Number(fields.percent))} %`;
      this.#enter(phase, fields.index ? `${fields.schema}.${fields.index}${percent}` : String(fields.schema));
    }
  }

  #set(phase: 'export' | 'import', key: string, records: number, at: number): void {
    this.#counts[phase].set(key, records);
    // Both run side by side; the import is what there is to wait for.
    this.#enter(this.#counts.import.size > 0 ? 'import' : phase, null);
    const samples = this.#samples.get(phase) ?? [];
    samples.push({ at, done: this.#done(phase) });
    while (samples.length > 2 && at - (samples[0]?.at ?? at) > RATE_WINDOW_SECONDS * 1000) samples.shift();
    this.#samples.set(phase, samples);
  }

  #enter(phase: Phase, detail: string | null): void {
    this.#phase = phase;
    this.#detail = detail;
  }

  #done(phase: Phase): number {
    if (phase === 'index') return this.#indexed.size;
    if (phase === 'verify') return this.#verified.size;
    if (phase !== 'export' && phase !== 'import') return 0;
    let sum = 0;
    for (const records of this.#counts[phase].values()) sum += records;
    return sum;
  }

  #rate(phase: Phase, at: number): number | null {
    const samples = this.#samples.get(phase);
    const first = samples?.[0];
    if (!samples || !first || samples.length < 2) return null;
    const seconds = (at - first.at) / 1000;
    return seconds < 0.5 ? null : (this.#done(phase) - first.done) / seconds;
  }
}

const PHASE_OF_STATE: Record<string, Phase> = {
  Plan: 'plan',
  MigrateShards: 'export',
  IndexCollections: 'index',
  VerifyCollections: 'verify',
  Publish: 'publish',
  WriteReport: 'report',
};
