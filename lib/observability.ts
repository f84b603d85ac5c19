import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { MigrationMetrics } from './migration-metrics.ts';
import type { Notices } from './notices.ts';
import type { StepFunction } from './step-function.ts';
import type { Steps } from './steps.ts';
import type { TargetDatabase } from './target-database.ts';

export interface ObservabilityProps {
  readonly steps: Steps;
  readonly stateMachine: StateMachine;
  readonly database: TargetDatabase;
  /** Functions whose failure somebody has to make good, and how. */
  readonly watched: readonly { readonly step: StepFunction; readonly remedy: string }[];
  readonly notices: Notices;
}

const MINUTE = Duration.minutes(1);
const GIB = 1024 ** 3;

/** A dashboard to watch a run, and alarms on what somebody must act on. */
export class Observability extends Construct {
  readonly dashboard: cloudwatch.Dashboard;
  readonly #props: ObservabilityProps;
  readonly #metrics: MigrationMetrics;

  constructor(scope: Construct, id: string, props: ObservabilityProps) {
    super(scope, id);
    this.#props = props;
    this.#metrics = new MigrationMetrics(this, 'Metrics', props.steps);
    this.dashboard = new cloudwatch.Dashboard(this, 'Dashboard', {
      defaultInterval: Duration.hours(3),
      widgets: [this.#progress(), this.#trouble(), ...this.#databaseRows()],
    });
    this.#alarms();
  }

  #progress(): cloudwatch.IWidget[] {
    const done = this.#metrics;
    const { exportShard, importShard } = this.#props.steps;
    return [
      quarter('Records a second', [
        rate(done.recordsExported, 'exported'),
        rate(done.recordsImported, 'imported'),
      ]),
      quarter('Shards', [
        done.shardsExported.with({ label: 'exported', period: MINUTE }),
        done.shardsImported.with({ label: 'imported', period: MINUTE }),
        done.shardsUnfinished.with({ label: 'not in the ledger after a map', period: MINUTE }),
      ]),
      quarter('Chroma’s answers, milliseconds', [
        done.chromaAnswer.with({ statistic: 'p50', label: 'p50', period: MINUTE }),
        done.chromaAnswer.with({ statistic: 'p95', label: 'p95', period: MINUTE }),
      ]),
      quarter('Time of a shard, milliseconds', [
        exportShard.function.metricDuration({ statistic: 'p50', label: 'export, p50', period: MINUTE }),
        exportShard.function.metricDuration({ statistic: 'p95', label: 'export, p95', period: MINUTE }),
        importShard.function.metricDuration({ statistic: 'p95', label: 'import, p95', period: MINUTE }),
      ]),
    ];
  }

  #trouble(): cloudwatch.IWidget[] {
    const { steps, stateMachine } = this.#props;
    const errors = [steps.exportShard, steps.importShard, steps.startIndexBuild, steps.verifyCollection];
    return [
      // Each failed call is followed by a retry until a state has had its retries.
      graph('Calls that failed, to be retried', [
        ...errors.map((step) => step.function.metricErrors({ label: step.node.id, period: MINUTE })),
        steps.importShard.function.metricThrottles({ label: 'throttled', period: MINUTE }),
      ]),
      graph('Rejects', [this.#metrics.recordsRejected.with({ label: 'records', period: MINUTE })]),
      graph('Executions', [
        stateMachine.metricStarted({ label: 'started', period: MINUTE }),
        stateMachine.metricSucceeded({ label: 'succeeded', period: MINUTE }),
        stateMachine.metricFailed({ label: 'failed', period: MINUTE }),
        stateMachine.metricTimedOut({ label: 'timed out', period: MINUTE }),
        stateMachine.metricAborted({ label: 'aborted', period: MINUTE }),
      ]),
    ];
  }

  #databaseRows(): cloudwatch.IWidget[][] {
    if (!this.#props.database.tunable) return [];
    return [
      [
        graph('Database: processor, %', [this.#database('CPUUtilization')]),
        graph('Database: connections', [this.#database('DatabaseConnections')]),
        graph('Database: free memory, bytes', [this.#database('FreeableMemory')]),
      ],
      [
        graph('Database: free storage, bytes', [this.#database('FreeStorageSpace', 'Minimum')]),
        graph('Database: WAL', [
          this.#database('TransactionLogsGeneration'),
          this.#database('TransactionLogsDiskUsage'),
        ]),
        graph('Database: disk, bytes a second', [
          this.#database('WriteThroughput'),
          this.#database('ReadThroughput'),
        ]),
      ],
    ];
  }

  /** Only what somebody must act on; how an execution ended is told by a notice of its own. */
  #alarms(): void {
    const { watched, database } = this.#props;
    for (const { step, remedy } of watched)
      this.#alarm(`${step.node.scope!.node.id}Failed`, step.function.metricErrors({ period: MINUTE }), {
        description: remedy,
        threshold: 1,
      });
    this.#alarm('RecordsRejected', this.#metrics.recordsRejected.with({ period: MINUTE }), {
      description:
        'Records cannot arrive as they are. The report lists them; mend them in Chroma, or run with onReject quarantine.',
      threshold: 1,
    });
    if (database.tunable)
      this.#alarm('FreeStorage', this.#database('FreeStorageSpace', 'Minimum'), {
        description:
          'The database’s disk is nearly full, and imports will stop: raise maxStorageGib, or wait for the storage to grow (RDS grows it once in six hours at most).',
        // RDS starts to grow the storage at a tenth that is free; at half of that it has not come in time.
        threshold: ((database.storageGib ?? 20) * GIB) / 20,
        below: true,
      });
  }

  #alarm(
    id: string,
    metric: cloudwatch.IMetric,
    { description, threshold, below }: { description: string; threshold: number; below?: boolean },
  ): void {
    this.#props.notices.sendAlarm(
      new cloudwatch.Alarm(this, id, {
        alarmDescription: description,
        metric,
        threshold,
        evaluationPeriods: 1,
        comparisonOperator: below
          ? cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
          : cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      }),
    );
  }

  #database(metricName: string, statistic = 'Average'): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: 'AWS/RDS',
      metricName,
      statistic,
      period: MINUTE,
      dimensionsMap: { DBInstanceIdentifier: this.#props.database.tunable!.instanceIdentifier },
    });
  }
}

const quarter = (title: string, left: cloudwatch.IMetric[]): cloudwatch.GraphWidget => graph(title, left, 6);

/** @param width in columns, of which a row has 24 */
const graph = (title: string, left: cloudwatch.IMetric[], width = 8): cloudwatch.GraphWidget =>
  new cloudwatch.GraphWidget({ title, left, width, liveData: true });

const rate = (metric: cloudwatch.Metric, label: string): cloudwatch.MathExpression =>
  new cloudwatch.MathExpression({
    expression: `${label} / PERIOD(${label})`,
    usingMetrics: { [label]: metric.with({ period: MINUTE }) },
    period: MINUTE,
    label,
  });
