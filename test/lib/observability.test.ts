import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Match } from 'aws-cdk-lib/assertions';
import { readExecutionEnd } from '../../lambdas/execution-end.ts';
import { noticeOf } from '../../lambdas/notice.ts';
import { ALTERNATIVES, alternative } from './alternatives.ts';
import { type Resource, resourcesOf } from './synthesize.ts';

const { template } = alternative('default');

describe('the dashboard', () => {
  const bodyOf = (name: (typeof ALTERNATIVES)[number]) => {
    const [[, dashboard]] = resourcesOf(alternative(name).template, 'AWS::CloudWatch::Dashboard') as [
      [string, Resource],
    ];
    return JSON.stringify(dashboard.Properties.DashboardBody);
  };

  it('shows the rate, the shards, retries, rejects, and how the database does', () => {
    const body = bodyOf('default');
    for (const metric of [
      ...['RecordsExported', 'RecordsImported', 'ShardsExported', 'ShardsImported', 'ShardsUnfinished'],
      ...['ChromaAnswer', 'RecordsRejected', 'Errors', 'Duration', 'ExecutionsFailed'],
      ...['CPUUtilization', 'DatabaseConnections', 'FreeStorageSpace', 'TransactionLogsDiskUsage'],
    ])
      assert.ok(body.includes(metric), metric);
  });

  it('shows a database whose name is known, and none that is not', () => {
    assert.match(bodyOf('existing RDS, tuned'), /CPUUtilization/);
    assert.doesNotMatch(bodyOf('existing RDS'), /AWS\/RDS/);
  });

  it('shows Chroma’s answers under the name that the exports give them', () => {
    const exports = resourcesOf(template, 'AWS::Lambda::Function').filter(
      ([, { Properties }]) => Properties.Handler === 'export-shard.handler',
    );
    const [[, { Properties }]] = exports as [[string, Resource]];
    const { POWERTOOLS_METRICS_NAMESPACE: namespace, POWERTOOLS_SERVICE_NAME: service } =
      Properties.Environment.Variables;
    const shown = `\\"${namespace}\\",\\"ChromaAnswer\\",\\"service\\",\\"${service}\\"`;
    assert.ok(bodyOf('default').includes(shown), shown);
  });

  it('counts a shard that was done already once only', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::Logs::MetricFilter')) {
      const [{ MetricName }] = Properties.MetricTransformations;
      if (MetricName !== 'ShardsUnfinished')
        assert.match(Properties.FilterPattern, /\$\.skipped IS FALSE/, id);
    }
  });
});

describe('alarms', () => {
  it('are few, say what to do, and reach somebody', () => {
    const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
    assert.deepEqual(alarms.map(({ MetricName }) => MetricName).sort(), [
      'Errors',
      'FreeStorageSpace',
      'RecordsRejected',
    ]);
    for (const { AlarmDescription, AlarmActions, TreatMissingData } of alarms) {
      assert.ok(AlarmDescription.length > 50);
      assert.match(JSON.stringify(AlarmActions), /NoticesTopic/);
      assert.equal(TreatMissingData, 'notBreaching');
    }
  });
});

describe('notices', () => {
  it('tell how each execution ended, with the address of its report', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.states'],
        detail: { status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] },
      },
      Targets: [Match.objectLike({ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^NoticesSend'), 'Arn'] } })],
    });
    const places = { region: 'eu-central-1', bucket: 'store' };
    const detail = { name: 'execution-1', executionArn: 'arn:execution-1', status: 'SUCCEEDED' };
    assert.equal(
      noticeOf({ detail: { ...detail, input: '{"run":"nightly"}' } }, places),
      [
        'Migration nightly: SUCCEEDED',
        'Report: https://eu-central-1.console.aws.amazon.com/s3/object/store?region=eu-central-1&prefix=runs/nightly/report.html',
        'Execution: https://eu-central-1.console.aws.amazon.com/states/home?region=eu-central-1#/v2/executions/details/arn:execution-1',
      ].join('\n'),
    );
    const unnamed = noticeOf({ detail: { ...detail, status: 'FAILED', input: '{}' } }, places);
    assert.match(unnamed, /^Migration execution-1: FAILED\n.*prefix=runs\/execution-1\/.*Redrive/s);
    const misnamed = noticeOf({ detail: { ...detail, status: 'FAILED', input: '{"run":"a/b"}' } }, places);
    assert.doesNotMatch(misnamed, /Report/);
  });

  it('go to the address that the configuration names, or else to nobody', () => {
    template.resourceCountIs('AWS::SNS::Subscription', 0);
    alternative('Multi-AZ, PostgreSQL 18').template.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'team@example.com',
    });
  });

  it('and alarms may be sent, with TLS only', () => {
    const [[, policy]] = resourcesOf(template, 'AWS::SNS::TopicPolicy') as [[string, Resource]];
    const statements = JSON.stringify(policy.Properties.PolicyDocument.Statement);
    for (const word of ['cloudwatch.amazonaws.com', '"aws:SecureTransport":"false"'])
      assert.ok(statements.includes(word), word);
  });
});

describe('a failed execution', () => {
  it('gets its report too, whatever the configuration', () => {
    for (const name of ALTERNATIVES)
      alternative(name).template.hasResourceProperties('AWS::Events::Rule', {
        EventPattern: { detail: { status: ['FAILED', 'TIMED_OUT', 'ABORTED'] } },
        Targets: [
          Match.objectLike({ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^FailureReport'), 'Arn'] } }),
        ],
      });
  });

  it('is known by the run that its input names, with its error', () => {
    const detail = { name: 'execution-1', status: 'FAILED', error: 'SourceChanged', cause: 'moved' };
    assert.deepEqual(readExecutionEnd({ detail: { ...detail, input: '{"run":"nightly"}' } }), {
      ...{ run: 'nightly', status: 'FAILED', error: 'SourceChanged', cause: 'moved' },
    });
    assert.equal(readExecutionEnd({ detail: { ...detail, input: '{}' } }).run, 'execution-1');
  });
});

describe('logs', () => {
  it('of executions and functions are all kept as long as the configuration says', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::Logs::LogGroup'))
      assert.equal(Properties.RetentionInDays, 90, id);
  });
});
