import type { Batch, PlanStepOutput, ShardItem } from '../../src/contract.ts';
import { keys } from '../../src/store/keys.ts';
import type { ShardStore } from '../../src/store/store.ts';
import type { ExecutionEvent, ExecutionResult } from '../run-execution.ts';
import type { Json } from '../state-machine/json.ts';
import { type Graph, stateGraph } from './state-graph.ts';

export const SHARD_STATES = ['waiting', 'exporting', 'exported', 'importing', 'imported', 'failed'] as const;
export type ShardState = (typeof SHARD_STATES)[number];

/** Further shards are only counted: more squares than this no screen shows. */
const MOST_SHARDS = 5000;
/** Lines of what happened that are kept. */
const MOST_LINES = 50;

export interface ViewShard {
  schema: string;
  number: number;
  records: number;
  state: ShardState;
}

export interface Happening {
  at: number;
  text: string;
  bad: boolean;
}

/** Follows a run by the very events that the terminal is told of, for the page. */
export class RunView {
  readonly run: string;
  readonly graph: Graph;
  /** How often each state of the machine was entered, and how many visits of it are under way. */
  readonly visits = new Map<string, { entered: number; present: number }>();
  /** Children of the maps that are in each of their states now: `MigrateShards/ExportShard`. */
  readonly children = new Map<string, number>();
  readonly shards: ViewShard[] = [];
  /** Shards beyond those that are listed. */
  uncounted = 0;
  rejected = 0;
  retries = 0;
  readonly happenings: Happening[] = [];
  end: { status: ExecutionResult['status']; state: string | null; cause: string | null } | null = null;
  readonly #store: ShardStore;
  readonly #byKey = new Map<string, ViewShard>();
  /** Which shards a child of a map works on, by map and index. */
  readonly #batches = new Map<string, Batch<ShardItem>[]>();

  constructor(run: string, definition: Json, store: ShardStore) {
    this.run = run;
    this.graph = stateGraph(definition);
    this.#store = store;
  }

  follow(event: ExecutionEvent): void {
    switch (event.type) {
      case 'state-entered':
      case 'state-exited':
        this.#moved(event.path, event.type === 'state-entered');
        break;
      case 'map-run-started':
        if (event.state === 'MigrateShards') void this.#readBatches(event.state, keys.shardBatches(this.run));
        if (event.state === 'MigrateUnfinishedShards')
          void this.#readBatches(event.state, keys.unfinished(this.run));
        break;
      case 'child-ended':
        this.#childEnded(event);
        break;
      case 'retry':
        this.retries++;
        this.#happened(
          `${event.path.join(' ')} failed with ${event.error} and is tried again in ${Math.round(event.waitSeconds)} s: ${event.cause}`,
          true,
        );
        break;
      case 'log':
        this.#logged(event.fields);
        break;
    }
  }

  ended(result: ExecutionResult): void {
    this.end =
      result.status === 'SUCCEEDED'
        ? { status: result.status, state: null, cause: null }
        : { status: result.status, state: result.state, cause: result.rootError.cause };
  }

  #moved(path: readonly string[], entered: boolean): void {
    const [top, , child] = path;
    if (path.length === 1) {
      const visits = this.visits.get(top!) ?? { entered: 0, present: 0 };
      if (entered) visits.entered++;
      visits.present += entered ? 1 : -1;
      this.visits.set(top!, visits);
    } else if (path.length === 3) {
      const key = `${top}/${child}`;
      this.children.set(key, Math.max(0, (this.children.get(key) ?? 0) + (entered ? 1 : -1)));
      if (entered) this.#childMoved(top!, Number(path[1]), child!);
    }
  }

  #childMoved(map: string, index: number, state: string): void {
    const next = state === 'ExportShard' ? 'exporting' : state === 'ImportShard' ? 'importing' : null;
    if (next) for (const item of this.#itemsOf(map, index)) this.#turn(item, next);
  }

  #childEnded(event: Extract<ExecutionEvent, { type: 'child-ended' }>): void {
    // Its last visit never said that it was left.
    if (event.status !== 'SUCCEEDED')
      this.#happened(
        `${event.state} ${event.index}: ${event.error ?? event.status}: ${event.cause ?? ''}`,
        true,
      );
    if (event.status === 'FAILED')
      for (const item of this.#itemsOf(event.state, event.index)) this.#turn(item, 'failed');
  }

  #itemsOf(map: string, index: number): readonly ShardItem[] {
    return this.#batches.get(map)?.[index]?.items ?? [];
  }

  #logged(fields: Record<string, unknown>): void {
    const shard = {
      schema: String(fields.schema),
      number: Number(fields.shard),
      records: Number(fields.records),
    };
    switch (fields.message) {
      case 'planned':
        this.#planned(fields as unknown as PlanStepOutput);
        break;
      case 'progress':
        if (fields.phase === 'export') this.#turn(shard, 'exporting');
        if (fields.phase === 'import') this.#turn(shard, 'importing');
        break;
      case 'shard exported':
        if (!fields.skipped) this.rejected += Number(fields.rejected);
        this.#turn(shard, 'exported');
        break;
      case 'shard imported':
        this.#turn(shard, 'imported');
        break;
      case 'shards in the ledger':
        // The ledger knows those of earlier tries as well.
        this.rejected = Number(fields.rejected);
        break;
      default:
        if (fields.level === 'warn') this.#happened(String(fields.message), false);
    }
  }

  #planned({ shards }: PlanStepOutput): void {
    this.uncounted = Math.max(0, shards - MOST_SHARDS);
  }

  async #readBatches(map: string, key: string): Promise<void> {
    try {
      const batches = JSON.parse((await this.#store.readText(key)) ?? '[]') as Batch<ShardItem>[];
      this.#batches.set(map, batches);
      const items = batches.flatMap((batch) => batch.items);
      for (const { schema, number, records } of items.slice(0, MOST_SHARDS))
        this.#shard({ schema, number, records });
      this.shards.sort((one, other) =>
        one.schema === other.schema ? one.number - other.number : one.schema < other.schema ? -1 : 1,
      );
    } catch {
      // The page then shows the shards as they are spoken of.
    }
  }

  #shard({ schema, number, records }: Omit<ViewShard, 'state'>): ViewShard | null {
    const key = `${schema}/${number}`;
    const known = this.#byKey.get(key);
    if (known) return known;
    if (this.shards.length >= MOST_SHARDS) return null;
    const shard: ViewShard = { schema, number, records, state: 'waiting' };
    this.#byKey.set(key, shard);
    this.shards.push(shard);
    return shard;
  }

  /** A line may come late: what is imported is imported. */
  #turn(item: Omit<ViewShard, 'state'>, state: ShardState): void {
    const shard = this.#shard(item);
    if (!shard || shard.state === 'imported') return;
    if (shard.state === 'importing' && state === 'exported') return;
    shard.state = state;
  }

  #happened(text: string, bad: boolean): void {
    this.happenings.unshift({ at: Date.now(), text, bad });
    this.happenings.length = Math.min(this.happenings.length, MOST_LINES);
  }
}
