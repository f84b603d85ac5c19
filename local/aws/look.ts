import type { DescribeExecutionOutput, DescribeMapRunOutput, HistoryEvent } from '@aws-sdk/client-sfn';
import { readExecutionEnd } from '../../lambdas/execution-end.ts';
import type { IndexBatchOutput } from '../../src/contract.ts';
import { readableFailure } from '../lambda/lambda-error.ts';
import { type Executions, labelOf } from './executions.ts';

/** The children of a Map Run by how they are. */
export interface MapCounts {
  /** Name of the map's state: MigrateShards, IndexCollections … */
  map: string;
  total: number;
  succeeded: number;
  running: number;
  pending: number;
  /** Failed, timed out and aborted ones. */
  failed: number;
}

/** An execution as one look finds it. The keys are a promise to scripts: `--json` prints it. */
export interface Look {
  execution: string;
  name: string;
  /** Null if the input's is no name of a run. */
  run: string | null;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'PENDING_REDRIVE';
  startedAt: string | null;
  stoppedAt: string | null;
  redrives: number;
  redrivable: boolean;
  /** The state that it entered last. */
  state: string | null;
  maps: MapCounts[];
  /** The index that is being built. */
  index: { name: string; percent: number } | null;
  /** Of an execution that did not succeed: the failure behind it, of a map that of a child. */
  error: { name: string; message: string } | null;
}

/** Events of a child's history that are looked through for how far its index is: two rounds and a retry. */
const CHILD_EVENTS = 40;

/** Looks at one execution again and again; of its history it reads only what is new. */
export class Observer {
  readonly #executions: Executions;
  readonly #arn: string;
  #seen = 0;
  #state: string | null = null;

  constructor(executions: Executions, arn: string) {
    this.#executions = executions;
    this.#arn = arn;
  }

  /** @throws MigrationError */
  async look(): Promise<Look> {
    const described = await this.#executions.describe(this.#arn);
    const [runs] = await Promise.all([this.#executions.mapRuns(this.#arn), this.#readHistory()]);
    const { name = '', input, status = 'RUNNING' } = described;
    const isOver = status !== 'RUNNING' && status !== 'PENDING_REDRIVE';
    return {
      execution: this.#arn,
      name,
      run: readExecutionEnd({ detail: { name, status, input } }).run,
      status,
      startedAt: described.startDate?.toISOString() ?? null,
      stoppedAt: isOver ? (described.stopDate?.toISOString() ?? null) : null,
      redrives: described.redriveCount ?? 0,
      redrivable: described.redriveStatus === 'REDRIVABLE',
      state: this.#state,
      maps: runs.map(countsOf),
      index: isOver ? null : await this.#index(runs),
      error: isOver && status !== 'SUCCEEDED' ? await this.#failure(described, runs) : null,
    };
  }

  async #readHistory(): Promise<void> {
    let newest = 0;
    let entered: string | undefined;
    for await (const event of this.#executions.eventsBack(this.#arn, this.#seen)) {
      newest ||= event.id ?? 0;
      // From the end, so the first is the last; children and iterations have histories and names of their own.
      entered ??= event.stateEnteredEventDetails?.name;
      if (entered !== undefined) break;
    }
    this.#seen = Math.max(this.#seen, newest);
    if (entered !== undefined) this.#state = entered;
  }

  /** How far the index is that a child of IndexCollections builds. */
  async #index(runs: DescribeMapRunOutput[]): Promise<Look['index']> {
    const run = runs.at(-1);
    if (this.#state !== 'IndexCollections' || labelOf(run?.mapRunArn) !== this.#state) return null;
    const child = await this.#executions.childOf(run?.mapRunArn as string, 'RUNNING');
    if (child === null) return null;
    let left = CHILD_EVENTS;
    for await (const event of this.#executions.eventsBack(child)) {
      const said = indexBuildOf(event);
      if (said)
        return said.percent === null
          ? null
          : { name: `${said.items[0]?.schema}.${said.index}`, percent: said.percent };
      if (--left === 0) break;
    }
    return null;
  }

  async #failure(described: DescribeExecutionOutput, runs: DescribeMapRunOutput[]): Promise<Look['error']> {
    const failed = runs.at(-1);
    const child = failed && labelOf(failed.mapRunArn) === this.#state && failed.itemCounts?.failed;
    const arn = child ? await this.#executions.childOf(failed.mapRunArn as string, 'FAILED') : null;
    const { error, cause, status } = arn === null ? described : await this.#executions.describe(arn);
    const readable = readableFailure({
      ...{ error: error ?? String(status), cause: cause ?? '', state: this.#state },
    });
    return { name: readable.error, message: readable.cause };
  }
}

function indexBuildOf(event: HistoryEvent): IndexBatchOutput | null {
  const output = event.stateExitedEventDetails?.output;
  if (output === undefined) return null;
  const said = JSON.parse(output) as Partial<IndexBatchOutput> | null;
  return said?.state !== undefined && said.items !== undefined ? (said as IndexBatchOutput) : null;
}

function countsOf({ mapRunArn, itemCounts }: DescribeMapRunOutput): MapCounts {
  const { total = 0, succeeded = 0, running = 0, failed = 0, timedOut = 0, aborted = 0 } = itemCounts ?? {};
  const unsuccessful = failed + timedOut + aborted;
  return {
    map: labelOf(mapRunArn),
    ...{ total, succeeded, running, failed: unsuccessful },
    pending: Math.max(0, total - succeeded - running - unsuccessful),
  };
}
