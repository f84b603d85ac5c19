import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { metricNamespace, type StepFunction } from './step-function.ts';
import type { Steps } from './steps.ts';

/**
 * What the functions say in their logs, as figures. A shard that was done already counts once only. Chroma's answers
 * are figures from the start (lambdas/step.ts), one value an answer: a filter would take one a line, and percentiles
 * need all.
 */
export class MigrationMetrics extends Construct {
  readonly recordsExported: cloudwatch.Metric;
  readonly recordsImported: cloudwatch.Metric;
  readonly shardsExported: cloudwatch.Metric;
  readonly shardsImported: cloudwatch.Metric;
  readonly shardsUnfinished: cloudwatch.Metric;
  readonly recordsRejected: cloudwatch.Metric;
  /** Milliseconds of each page that an export asked for. */
  readonly chromaAnswer: cloudwatch.Metric;

  constructor(scope: Construct, id: string, steps: Steps) {
    super(scope, id);
    const { exportShard, importShard, findUnfinishedShards } = steps;
    this.recordsExported = this.#sum('RecordsExported', exportShard, 'shard exported', '$.records');
    this.recordsImported = this.#sum('RecordsImported', importShard, 'shard imported', '$.records');
    this.shardsExported = this.#sum('ShardsExported', exportShard, 'shard exported', '1');
    this.shardsImported = this.#sum('ShardsImported', importShard, 'shard imported', '1');
    this.recordsRejected = this.#sum('RecordsRejected', exportShard, 'shard exported', '$.rejected');
    this.chromaAnswer = new cloudwatch.Metric({
      namespace: metricNamespace(this),
      metricName: 'ChromaAnswer',
      dimensionsMap: { service: 'export-shard' },
    });
    this.shardsUnfinished = this.#filter(
      'ShardsUnfinished',
      findUnfinishedShards,
      said('shards in the ledger'),
      '$.unfinished',
    ).metric({ statistic: 'max' });
  }

  #sum(name: string, step: StepFunction, message: string, value: string): cloudwatch.Metric {
    const fresh = logs.FilterPattern.booleanValue('$.skipped', false);
    return this.#filter(name, step, logs.FilterPattern.all(said(message), fresh), value).metric({
      statistic: 'sum',
    });
  }

  #filter(
    name: string,
    step: StepFunction,
    filterPattern: logs.IFilterPattern,
    metricValue: string,
  ): logs.MetricFilter {
    return step.logGroup.addMetricFilter(name, {
      metricNamespace: metricNamespace(this),
      metricName: name,
      filterPattern,
      metricValue,
    });
  }
}

const said = (message: string): logs.JsonPattern => logs.FilterPattern.stringValue('$.message', '=', message);
