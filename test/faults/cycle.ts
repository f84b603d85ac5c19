import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadableError } from '../../local/run-execution.ts';
import { Attempt, type Ending } from './attempt.ts';
import { CONDITIONS, canStrike, isPossible, type Scene, STRIKES } from './faults.ts';
import {
  assertExplained,
  assertStillFinished,
  assertUntouched,
  assertWhole,
  finishedShards,
  liveTables,
} from './invariants.ts';
import { Random, seedOf } from './random.ts';
import type { FaultyRun } from './runner.ts';
import { Watch } from './watch.ts';
import { SHARD_BYTES, type World } from './world.ts';

/** States at whose visit a fault may be set off, and how many visits there are at most. */
const STATES: [state: string, visits: number][] = [
  ['Plan', 1],
  ['PrepareDatabase', 1],
  ['ChooseImportProfile', 1],
  ['ExportShard', 9],
  ['ImportShard', 9],
  ['FindUnfinishedShards', 1],
  ['ExportUnfinishedShard', 1],
  ['ImportUnfinishedShard', 1],
  ['StartIndexBuild', 2],
  ['SampleSearches', 2],
  ['VerifyCollection', 2],
  ['Publish', 1],
  ['RecommendParameters', 1],
  ['WriteReport', 1],
];
/** From the first instruction of a function to its last answer takes some 150 to 400 ms. */
const MOST_MILLISECONDS = 400;
const FAULTY_ATTEMPTS = 5;
/** An attempt that is not over by then hangs: it takes 5 s, and the longest fault and function 20 s each. */
const HANG_SECONDS = 150;
const FUNCTION_SECONDS = 20;
/** The state machine's waits of up to 4 minutes become those of up to half a minute; the faults here are short too. */
const HURRY = 8;

export interface Settings {
  seed: number;
  stopMilliseconds: number;
  verbose: boolean;
}

/** One fault that has struck. */
export interface Struck {
  fault: string;
  state: string;
  detail: string;
  cycle: number;
  attempt: number;
  /** What became of the attempt in which it struck. */
  ending: string;
  error: ReadableError | null;
}

export interface CycleResult {
  cycle: number;
  struck: Struck[];
  attempts: number;
  /** New runs that a failure's sentence told to start. */
  newRuns: number;
  /** Functions that had to be ended by their time-out. */
  timedOut: number;
  /** Looks at the live tables. */
  looks: number;
  violation: string | null;
  seconds: number;
}

/** Sentences whose remedy is not to go on with the same run. */
const NEW_RUN = /start a new run|migrate again|another --run/;
const TAKE_OVER = /--take-over/;

/** One migration to its good end, through as many faults and attempts as its seed says. */
export class Cycle {
  readonly #world: World;
  readonly #settings: Settings;
  readonly #number: number;
  readonly #random: Random;
  readonly #which: number;
  readonly #usesS3: boolean;
  /** Faults that have something to strike here. */
  readonly #possible: string[];
  readonly #excused = new Set<string>();
  readonly #result: CycleResult;
  #run: string;
  #takeOver = false;
  #hadRival = false;
  #finished = new Map<string, string>();

  constructor(world: World, settings: Settings, number: number) {
    this.#world = world;
    this.#settings = settings;
    this.#number = number;
    this.#random = new Random(seedOf(settings.seed, number));
    this.#which = number % world.sources.length;
    this.#usesS3 = this.#random.chance(0.45);
    this.#possible = Object.keys(STRIKES).filter((fault) => isPossible(fault, world, this.#usesS3));
    this.#run = `faults-${settings.seed}-${number}`;
    this.#result = {
      ...{
        cycle: number,
        struck: [],
        attempts: 0,
        newRuns: 0,
        timedOut: 0,
        looks: 0,
        violation: null,
        seconds: 0,
      },
    };
  }

  async run(): Promise<CycleResult> {
    const started = performance.now();
    const watch = new Watch(this.#world);
    try {
      await this.#attempts();
      await assertWhole(this.#world, this.#which, this.#run, this.#hadRival);
      await watch.stop();
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) throw error;
      this.#result.violation = error.message;
      await watch.stop().catch(() => undefined);
    }
    this.#result.looks = watch.looks;
    this.#result.seconds = (performance.now() - started) / 1000;
    return this.#result;
  }

  async #attempts(): Promise<void> {
    // What follows a sentence's remedy is not counted against the last attempts, which no fault disturbs.
    for (let left = 2, attempt = 1; left > 0; attempt++) {
      const faults = attempt > FAULTY_ATTEMPTS ? 0 : this.#random.between(6, 12);
      const before = await liveTables(this.#world);
      const { ending, struck } = await this.#attempt(attempt, faults);
      this.#result.attempts++;
      assertUntouched(before, await liveTables(this.#world));
      await this.#assertStillFinished();
      const error = this.#judge(ending, struck);
      this.#note(struck, ending, error);
      if (ending.how === 'ended' && ending.result.status === 'SUCCEEDED') return;
      const remedied = error !== null && this.#follow(error.cause);
      if (faults === 0 && !remedied) left--;
      if (faults === 0)
        assert.ok(left > 0 && attempt < 12, `does not go on: ${error?.error}: ${error?.cause ?? ending.how}`);
    }
  }

  async #attempt(number: number, faults: number): Promise<{ ending: Ending; struck: Struck[] }> {
    const settings = this.#runSettings();
    const struck: Struck[] = [];
    const noted = (fault: string, state: string, detail: string) =>
      struck.push({ fault, state, detail, cycle: this.#number, attempt: number, ending: '', error: null });
    const conditions =
      faults > 0 && this.#random.chance(0.08) ? [this.#random.pick(Object.keys(CONDITIONS))] : [];
    for (const condition of conditions) {
      CONDITIONS[condition]!(settings, this.#random);
      noted(condition, 'from the beginning', '');
    }
    const { environment, hand } = this.#world.storeOf(this.#usesS3 ? 's3' : 'folder');
    const attempt = new Attempt(settings, environment);
    const strikes: Promise<void>[] = [];
    for (let drawn = 0; drawn < faults; drawn++) {
      const fault = this.#random.pick(this.#possible);
      const [state, visits] = this.#random.pick(STATES.filter(([state]) => canStrike(fault, state)));
      const visit = this.#random.between(1, visits);
      const after = this.#random.between(0, MOST_MILLISECONDS);
      const random = new Random(this.#random.between(0, 2 ** 31));
      const scene: Scene = {
        ...{ world: this.#world, source: this.#world.sources[this.#which]!, attempt, state, random, hand },
        ...{ usesS3: this.#usesS3, stopMilliseconds: this.#settings.stopMilliseconds },
        pause: (milliseconds) => pauseUntil(milliseconds, attempt.ended),
        rival: (run) => this.#rival(run, settings, environment),
        excuse: (key) => this.#excuse(key),
      };
      attempt.onVisit((entered, entry) => {
        if (entered !== state || entry !== visit) return;
        const strike = sleep(after).then(async () => {
          const detail = await STRIKES[fault]!(scene).catch((error) => {
            // Another fault may be in its way, for one a server that restarts: this one has not struck then.
            if (error instanceof assert.AssertionError) throw error;
            return null;
          });
          if (detail !== null) noted(fault, state, detail);
        });
        // Its failure is looked at when the attempt is over.
        strike.catch(() => undefined);
        strikes.push(strike);
      });
    }
    const ending = await this.#endOf(attempt);
    for (const strike of strikes) await strike;
    await this.#world.heal();
    this.#result.timedOut += attempt.retries.filter(({ error }) => error === 'Sandbox.Timedout').length;
    return { ending, struck };
  }

  #runSettings(): FaultyRun {
    const { url, environment } = this.#world.storeOf(this.#usesS3 ? 's3' : 'folder');
    const { proxy } = this.#world.sources[this.#which]!;
    return {
      ...{ chroma: `http://127.0.0.1:${proxy.port}`, target: this.#world.target, store: url, run: this.#run },
      request: {
        ...{ shardBytes: SHARD_BYTES, concurrency: 2, sampleSize: 4, takeOver: this.#takeOver },
        format: this.#number % 5 === 4 ? 'jsonl' : 'pgcopy',
      },
      ...{ hurry: HURRY, functionSeconds: Math.max(FUNCTION_SECONDS, this.#settings.stopMilliseconds / 500) },
      environment: { NODE_COMPILE_CACHE: `${this.#world.folder}/compiled`, ...environment },
    };
  }

  async #endOf(attempt: Attempt): Promise<Ending> {
    const patience = new AbortController();
    const seconds = HANG_SECONDS + this.#settings.stopMilliseconds / 250;
    const hang = sleep(seconds * 1000, 'hang' as const, { signal: patience.signal }).catch(
      () => 'hang' as const,
    );
    const ending = await Promise.race([attempt.ended, hang]);
    patience.abort();
    if (ending !== 'hang') return ending;
    const { whereabouts } = attempt;
    attempt.signal('SIGKILL', 'group');
    assert.fail(`it hangs in ${whereabouts}`);
  }

  async #rival(
    which: 'same' | 'another',
    settings: FaultyRun,
    environment: Record<string, string>,
  ): Promise<string> {
    this.#hadRival ||= which === 'another';
    const run = which === 'same' ? settings.run : `${settings.run}-rival`;
    const { takeOver: _, ...request } = settings.request;
    const rival = new Attempt({ ...settings, run, request }, environment);
    const ending = await this.#endOf(rival);
    const error = this.#judge(ending);
    return error ? error.error : ending.how === 'ended' ? ending.result.status : ending.how;
  }

  /** @returns why it failed; null if it did not, or was killed @throws AssertionError if it failed without a word */
  #judge(ending: Ending, struck: readonly Struck[] = []): ReadableError | null {
    assert.ok(ending.how !== 'crashed', `the runner crashed: ${'what' in ending ? ending.what : ''}`);
    if (ending.how === 'killed' || ending.result.status === 'SUCCEEDED') return null;
    const { rootError, state } = ending.result;
    try {
      assertExplained(rootError.error, rootError.cause);
    } catch (error) {
      const faults = struck.map(({ fault, state, detail }) => `${fault} in ${state} (${detail})`).join('; ');
      assert.fail(`${(error as Error).message} The state ${state} failed after ${faults}.`);
    }
    return rootError;
  }

  #note(struck: Struck[], ending: Ending, error: ReadableError | null): void {
    const how = ending.how === 'ended' ? ending.result.status : ending.how;
    for (const one of struck) this.#result.struck.push({ ...one, ending: how, error });
    if (this.#settings.verbose)
      process.stderr.write(
        `cycle ${this.#number}: ${how} ${error ? `(${error.error}: ${error.cause})` : ''} after ${struck
          .map(({ fault, state, detail }) => `${fault} in ${state} (${detail})`)
          .join('; ')}\n`,
      );
  }

  /** Does what the sentence says, beyond going on. @returns whether there was something */
  #follow(sentence: string): boolean {
    if (NEW_RUN.test(sentence)) {
      this.#run = `${this.#run}-new`;
      this.#finished = new Map();
      this.#result.newRuns++;
      return true;
    }
    this.#takeOver ||= TAKE_OVER.test(sentence);
    return TAKE_OVER.test(sentence);
  }

  async #assertStillFinished(): Promise<void> {
    const { hand } = this.#world.storeOf(this.#usesS3 ? 's3' : 'folder');
    const now = await finishedShards(this.#world, hand, this.#run);
    // Another run may take the schema over, and this one then begins anew.
    if (!this.#hadRival) assertStillFinished(this.#finished, now, this.#excused);
    this.#finished = now;
  }

  #excuse(key: string): void {
    const [, shard] = /shards\/(.+)\/[^/]+$/.exec(key) ?? [];
    if (shard !== undefined) this.#excused.add(shard);
  }
}

/** Resolves after so long, or soon after the attempt has ended. */
async function pauseUntil(milliseconds: number, ended: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const timer = sleep(milliseconds, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([timer, ended]);
  over.abort();
}
