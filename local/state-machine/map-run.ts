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
}

/** One run over all items of a Distributed Map: a child execution for each. */
export class MapRun {
  readonly arn: string;
  readonly children: readonly MapRunChild[];
  readonly #settings: MapRunSettings;
  #failed = 0;
  #firstFailure: StateFailure | null = null;

  constructor(settings: MapRunSettings) {
    this.#settings = settings;
    this.arn = settings.visit.execution.mapRunArn(settings.label, randomUUID());
    this.children = settings.items.map(() => ({ name: randomUUID(), status: 'PENDING' }));
  }

  /**
   * Runs the children, at most `concurrency` at a time. Past the tolerated failures it stops those under way and
   * starts no more; the results are written in that case too.
   * @returns the children's outputs, or where they were written
   * @throws ExceedToleratedFailureThreshold
   */
  async run(files: ResultFiles | null): Promise<Json> {
    const { visit, items, concurrency } = this.#settings;
    const outputs: Json[] = [];
    let failure: ExceedToleratedFailureThreshold | null = null;
    try {
      await runConcurrently(items.length, concurrency, visit.signal, async (index, signal) => {
        const record = await this.#runChild(index, signal);
        if (files) await files.add(record.Status === 'SUCCEEDED' ? 'SUCCEEDED' : 'FAILED', record);
        else outputs[index] = record.Status === 'SUCCEEDED' ? JSON.parse(record.Output as string) : record;
        if (this.#isPastThreshold())
          throw new ExceedToleratedFailureThreshold(this.#failed, items.length, this.#firstFailure);
      });
    } catch (error) {
      if (!(error instanceof ExceedToleratedFailureThreshold)) throw error;
      failure = error;
    }
    const details = files && (await this.#finish(files));
    if (failure) throw failure;
    return details ? { MapRunArn: this.arn, ResultWriterDetails: details } : outputs;
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
    const { visit, items, label, childInput } = this.#settings;
    const { clock, emit } = visit.execution;
    const child = this.children[index] as MapRunChild;
    child.status = 'RUNNING';
    const input = await childInput(index, items[index] as Json);
    const execution = new Execution({ name: child.name, input, clock, emit, label });
    const end = await this.#endOf(execution, index, signal);
    child.status = end.status;
    execution.history.recordEnd();
    const failure = end.failure && { error: end.failure.error, cause: end.failure.cause };
    emit({ type: 'child-ended', state: visit.state, index, status: end.status, ...failure });
    return { ...describe(execution, clock.now()), ...resultOf(end) };
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
    const path = [...this.#settings.visit.path, String(index)];
    const surroundings = { execution, path, mapItem: null, signal };
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
    RedriveCount: 0,
    StartDate: new Date(execution.startedAt).toISOString(),
    StateMachineArn: execution.stateMachineArn,
    StopDate: new Date(stoppedAt).toISOString(),
  };
}
