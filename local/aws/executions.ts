import type {
  DescribeExecutionOutput,
  DescribeMapRunOutput,
  ExecutionListItem,
  ExecutionStatus,
  HistoryEvent,
  SFN,
} from '@aws-sdk/client-sfn';
import { type AwsClients, asked } from './clients.ts';
import { NotRedrivable, notRedrivable } from './errors.ts';

/** Events of a page of a history; Step Functions gives at most a thousand. */
const PAGE = 200;

/** Step Functions' executions, Map Runs and histories, page by page, with errors in sentences. */
export class Executions {
  readonly #sfn: SFN;

  constructor({ sfn }: AwsClients) {
    this.#sfn = sfn;
  }

  /** @returns the execution's ARN. Starting one that is under way, by the same name and input, is that one. */
  async start(stateMachineArn: string, name: string, input: object): Promise<string> {
    const answer = await asked(
      this.#sfn.startExecution({ stateMachineArn, name, input: JSON.stringify(input) }),
    );
    return answer.executionArn as string;
  }

  /** @throws NotRedrivable */
  async redrive(executionArn: string): Promise<void> {
    const { status, redriveStatus, redriveStatusReason } = await this.describe(executionArn);
    if (status === 'SUCCEEDED')
      throw new NotRedrivable('The execution has succeeded: there is nothing to run again.');
    if (status === 'RUNNING' || status === 'PENDING_REDRIVE')
      throw new NotRedrivable(
        'The execution is under way: watch it to its end before you redrive what failed.',
      );
    if (redriveStatus === 'NOT_REDRIVABLE')
      throw new NotRedrivable(notRedrivable(redriveStatusReason?.replace(/\.$/, '') ?? 'AWS says no more'));
    await asked(this.#sfn.redriveExecution({ executionArn }));
  }

  describe(executionArn: string): Promise<DescribeExecutionOutput> {
    return asked(this.#sfn.describeExecution({ executionArn }));
  }

  /** The one that was started last; null if there is none. */
  async last(stateMachineArn: string): Promise<ExecutionListItem | null> {
    const { executions } = await asked(this.#sfn.listExecutions({ stateMachineArn, maxResults: 1 }));
    return executions?.[0] ?? null;
  }

  /** A Map Run's child that is in that state; null if none is. */
  async childOf(mapRunArn: string, statusFilter: ExecutionStatus): Promise<string | null> {
    const { executions } = await asked(this.#sfn.listExecutions({ mapRunArn, statusFilter, maxResults: 1 }));
    return executions?.[0]?.executionArn ?? null;
  }

  /** The execution's Map Runs with their counts, oldest first. */
  async mapRuns(executionArn: string): Promise<DescribeMapRunOutput[]> {
    const runs: { mapRunArn?: string; startDate?: Date }[] = [];
    let nextToken: string | undefined;
    do {
      const page = await asked(this.#sfn.listMapRuns({ executionArn, nextToken }));
      runs.push(...(page.mapRuns ?? []));
      nextToken = page.nextToken;
    } while (nextToken);
    runs.sort((one, other) => Number(one.startDate) - Number(other.startDate));
    return Promise.all(runs.map(({ mapRunArn }) => asked(this.#sfn.describeMapRun({ mapRunArn }))));
  }

  /** Events after number `seen`, newest first. */
  async *eventsBack(executionArn: string, seen = 0): AsyncGenerator<HistoryEvent> {
    let nextToken: string | undefined;
    do {
      const page = await asked(
        this.#sfn.getExecutionHistory({
          ...{ executionArn, reverseOrder: true, includeExecutionData: true, maxResults: PAGE, nextToken },
        }),
      );
      for (const event of page.events ?? []) {
        if ((event.id ?? 0) <= seen) return;
        yield event;
      }
      nextToken = page.nextToken;
    } while (nextToken);
  }
}

/** Name of the state that a Map Run belongs to: `…:mapRun:<machine>/<label>:<id>`. */
export const labelOf = (mapRunArn: string | undefined): string =>
  /\/([^/:]+):[^:]+$/.exec(mapRunArn ?? '')?.[1] ?? '';
