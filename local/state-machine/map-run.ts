import { randomUUID } from 'node:crypto';
import { runConcurrently } from './concurrency.ts';
import { ExceedToleratedFailureThreshold, StateFailure } from './errors.ts';
import type { ChildStatus } from './events.ts';
import { Execution } from './execution.ts';
import type { Json, JsonObject } from './json.ts';
import { checkPayload } from './limits.ts';
import type { ResultFiles } from './result-writer.ts';
import type { Visit } from './visit.ts';
import type { Workflow } from './workflow.ts';

export interface MapRunSettings {
  readonly visit: Visit;
  readonly label: string;
  readonly items: readonly Json[];
  readonly child: Workflow;
  readonly concurrency: number;
  /** Children that may fail: a count, and a share from 0 to 100. The run fails past either. */
  readonly tolerated: { count: number | null; percentage: number | null };
  childInput(index: number, value: Json): Promise<Json>;
}

/** What a Map Run knows of a child for good: ten thousand of them stay in memory. */
export interface MapRunChild {
  readonly name: string;
  status: 'PENDING' | 'RUNNING' | ChildStatus;
  /** Null before it has begun, and once it has succeeded. */
  execution: Execution | null;
}

/** One run over all items of a Distributed Map: a child execution for each. */
export class MapRun {
  readonly arn: string;
  readonly label: string;
  readonly children: readonly MapRunChild[];
  readonly #settings: MapRunSettings;
  readonly #outputs: Json[] = [];
  #visit: Visit;
  #files: ResultFiles | null = null;
  #redrives = 0;
  #failed = 0;
  #firstFailure: StateFailure | null = null;

  constructor(settings: MapRunSettings) {
    this.#settings = settings;
    this.#visit = settings.visit;
    this.label = settings.label;
    this.arn = settings.visit.execution.mapRunArn(settings.label, randomUUID());
    this.children = settings.items.map(() => ({ name: randomUUID(), status: 'PENDING', execution: null }));
  }

  get redriveCount(): number {
    return this.#redrives;
  }

  /**
   * Runs the children, at most `concurrency` at a time. Past the tolerated failures it stops those under way and
   * starts no more; the results are written in that case too.
   * @returns the children's outputs, or where they were written
   * @throws ExceedToleratedFailureThreshold
   */
  run(files: ResultFiles | null): Promise<Json> {
    this.#files = files;
    return this.#run();
  }

  /**
   * The children that did not succeed go on from their own states that did not; those that never began begin.
   * https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
   */
  redrive(visit: Visit): Promise<Json> {
    this.#visit = visit;
    this.#redrives++;
    this.#failed = 0;
    this.#firstFailure = null;
    this.#files?.redrive();
    for (const child of this.children) if (child.status !== 'SUCCEEDED') child.status = 'PENDING';
    return this.#run();
  }

  async #run(): Promise<Json> {
    const { items, concurrency } = this.#settings;
    const files = this.#files;
    const pending = [...this.children.keys()].filter((index) => this.children[index]?.status === 'PENDING');
    let failure: ExceedToleratedFailureThreshold | null = null;
    try {
      await runConcurrently(pending.length, concurrency, this.#visit.signal, async (turn, signal) => {
        const index = pending[turn] as number;
        const record = await this.#runChild(index, signal);
        if (files) await files.add(record.Status === 'SUCCEEDED' ? 'SUCCEEDED' : 'FAILED', record);
        else
          this.#outputs[index] = record.Status === 'SUCCEEDED' ? JSON.parse(record.Output as string) : record;
        if (this.#isPastThreshold())
          throw new ExceedToleratedFailureThreshold(this.#failed, items.length, this.#firstFailure);
      });
    } catch (error) {
      if (!(error instanceof ExceedToleratedFailureThreshold)) throw error;
      failure = error;
    }
    const details = files && (await this.#finish(files));
    if (failure) throw failure;
    return details ? { MapRunArn: this.arn, ResultWriterDetails: details } : this.#outputs;
  }

  async #finish(files: ResultFiles): Promise<JsonObject> {
    const { items, childInput } = this.#settings;
    for (const [index, { status, name }] of this.children.entries())
      if (status === 'PENDING')
        await files.add('PENDING', {
          Input: JSON.stringify(await childInput(index, items[index] as Json)),
          InputDetails: { Included: true },
          Name: name,
          Status: status,
        });
    return files.close();
  }

  #isPastThreshold(): boolean {
    const { count, percentage } = this.#settings.tolerated;
    if (count === null && percentage === null) return this.#failed > 0;
    const share = (this.#failed / this.#settings.items.length) * 100;
    return (count !== null && this.#failed > count) || (percentage !== null && share > percentage);
  }

  /** @returns the child as the results have it: the answer of DescribeExecution */
  async #runChild(index: number, signal: AbortSignal): Promise<JsonObject> {
    const { clock, emit } = this.#visit.execution;
    const child = this.children[index] as MapRunChild;
    child.status = 'RUNNING';
    if (child.execution) child.execution.redrive();
    else child.execution = await this.#createExecution(index, child.name);
    const { execution } = child;
    const end = await this.#endOf(execution, index, signal);
    child.status = end.status;
    execution.history.recordEnd();
    if (end.status === 'SUCCEEDED') child.execution = null;
    const failure = end.failure && { error: end.failure.error, cause: end.failure.cause };
    emit({ type: 'child-ended', state: this.#visit.state, index, status: end.status, ...failure });
    return { ...describe(execution, clock.now()), ...resultOf(end) };
  }

  async #createExecution(index: number, name: string): Promise<Execution> {
    const { items, label, childInput } = this.#settings;
    const { clock, emit } = this.#visit.execution;
    const input = await childInput(index, items[index] as Json);
    return new Execution({ name, input, clock, emit, label });
  }

  /** How the child ended. What is neither its failure nor an abort is a fault of this program, and thrown. */
  async #endOf(execution: Execution, index: number, signal: AbortSignal): Promise<ChildEnd> {
    try {
      checkPayload("The child's input", execution.input);
      return { status: 'SUCCEEDED', output: await this.#runWorkflow(execution, index, signal) };
    } catch (error) {
      if (error instanceof StateFailure) {
        this.#failed++;
        this.#firstFailure ??= error;
        return { status: 'FAILED', failure: error };
      }
      if (signal.aborted) return { status: 'ABORTED' };
      throw error;
    }
  }

  #runWorkflow(execution: Execution, index: number, signal: AbortSignal): Promise<Json> {
    const path = [...this.#visit.path, String(index)];
    const { bookmark } = execution;
    const surroundings = { execution, path, mapItem: null, signal, bookmark };
    return this.#settings.child.run(execution.input, {}, surroundings);
  }
}

interface ChildEnd {
  status: ChildStatus;
  output?: Json;
  failure?: StateFailure;
}

function resultOf({ status, output, failure }: ChildEnd): JsonObject {
  if (output !== undefined)
    return { Status: status, Output: JSON.stringify(output), OutputDetails: { Included: true } };
  return failure ? { Status: status, Error: failure.error, Cause: failure.cause } : { Status: status };
}

function describe(execution: Execution, stoppedAt: number): JsonObject {
  return {
    ExecutionArn: execution.arn,
    Input: JSON.stringify(execution.input),
    InputDetails: { Included: true },
    Name: execution.name,
    RedriveCount: execution.redriveCount,
    StartDate: new Date(execution.startedAt).toISOString(),
    StateMachineArn: execution.stateMachineArn,
    StopDate: new Date(stoppedAt).toISOString(),
  };
}
