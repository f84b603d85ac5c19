import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { STEP_NAMES } from '../../lib/step-names.ts';
import { ALTERNATIVES, alternative, CHROMA_SECRET, KEY } from './alternatives.ts';
import { actionsOf, machineStatements, resourcesFor, type Statement, statementsOf } from './statements.ts';
import { functionsOf, resourcesOf } from './synthesize.ts';

const { template } = alternative('default');

const READ_CHROMA: string[] = ['plan', 'export-shard', 'sample-searches'];
const USE_DATABASE: string[] = STEP_NAMES.filter((step) => !READ_CHROMA.includes(step));
const STORE = ['s3:AbortMultipartUpload', 's3:GetObject', 's3:ListBucket', 's3:PutObject'];
const LOG = ['logs:CreateLogStream', 'logs:PutLogEvents'];
const INTERFACES = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
];
const TRACING = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'];
const KEY_USE = ['kms:Decrypt', 'kms:GenerateDataKey'];

/** Actions that IAM knows no resource for (Service Authorization Reference), so they stand with `*`. */
const WITHOUT_RESOURCE = new Map([
  ['xray:PutTraceSegments', 'traces belong to no resource'],
  ['xray:PutTelemetryRecords', 'traces belong to no resource'],
  ['xray:GetSamplingRules', 'sampling rules are asked for as a whole'],
  ['xray:GetSamplingTargets', 'sampling rules are asked for as a whole'],
  ['logs:CreateLogDelivery', "Step Functions sets up its log's delivery"],
  ['logs:GetLogDelivery', "Step Functions sets up its log's delivery"],
  ['logs:UpdateLogDelivery', "Step Functions sets up its log's delivery"],
  ['logs:DeleteLogDelivery', "Step Functions sets up its log's delivery"],
  ['logs:ListLogDeliveries', "Step Functions sets up its log's delivery"],
  ['logs:PutResourcePolicy', "Step Functions sets up its log's delivery"],
  ['logs:DescribeResourcePolicies', "Step Functions sets up its log's delivery"],
  ['logs:DescribeLogGroups', "Step Functions sets up its log's delivery"],
  ...INTERFACES.map(
    (action) => [action, 'Lambda makes the interfaces of a function in a VPC; denied to its code'] as const,
  ),
  ['ec2:DescribeManagedPrefixLists', 'describing in EC2 knows no resources'],
]);

describe('permissions', () => {
  for (const step of STEP_NAMES) {
    it(`of ${step} are what the step does`, () => {
      const database = USE_DATABASE.includes(step) ? ['rds-db:connect', ...INTERFACES] : [];
      const broken = step === 'import-shard' ? ['s3:DeleteObject'] : [];
      assert.deepEqual(
        actionsOf(statementsOf(template, step)),
        [...database, ...broken, ...STORE, ...LOG, ...TRACING].sort(),
      );
    });
  }

  it('of the functions that make the role are to read one secret and to call one function', () => {
    assert.deepEqual(
      actionsOf(statementsOf(template, 'create-database-user')),
      [...INTERFACES, ...LOG, ...TRACING].sort(),
    );
    const grant = statementsOf(template, 'grant-database-access');
    assert.deepEqual(
      actionsOf(grant),
      ['lambda:InvokeFunction', 'secretsmanager:GetSecretValue', ...LOG, ...TRACING].sort(),
    );
    assert.match(resourcesFor(grant, 'lambda:InvokeFunction'), /^\[{"Fn::GetAtt":\["DatabaseAccessCreate/);
    assert.match(
      resourcesFor(grant, 'secretsmanager:GetSecretValue'),
      /VectorDatabaseInstance.*MasterUserSecret.SecretArn/,
    );
  });

  it('let the function that tells of an end speak to that topic, and do nothing else', () => {
    const notice = statementsOf(template, 'send-notice');
    assert.deepEqual(actionsOf(notice), ['sns:Publish', ...LOG, ...TRACING].sort());
    assert.match(resourcesFor(notice, 'sns:Publish'), /^\[{"Ref":"NoticesTopic\w+"}\]$/);
  });

  it("let the functions be the migration's user of this database, and nobody else", () => {
    for (const step of USE_DATABASE) {
      const resource = resourcesFor(statementsOf(template, step), 'rds-db:connect');
      assert.match(resource, /DbiResourceId.*\/chroma_migration/);
      assert.doesNotMatch(resource, /\*/);
    }
  });

  it("of a function's code do not reach its network interfaces, which Lambda makes with the same role", () => {
    const denied = resourcesOf(template, 'AWS::IAM::Policy').flatMap(([, { Properties }]) =>
      Properties.PolicyDocument.Statement.filter(({ Effect }: Statement) => Effect === 'Deny'),
    );
    const inVpc = [...functionsOf(template).values()].filter(({ VpcConfig }) => VpcConfig);
    assert.equal(denied.length, inVpc.length);
    for (const { Action, Condition } of denied) {
      assert.deepEqual([...Action].sort(), INTERFACES);
      assert.ok(Condition.ArnEquals['lambda:SourceFunctionArn']);
    }
  });

  it('of AWS are given to nobody: its managed policies let a function write to every log', () => {
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::IAM::Role'))
      assert.equal(Properties.ManagedPolicyArns, undefined, id);
  });

  it('let only the functions that read Chroma read its token', () => {
    const { template: withToken } = alternative('public Chroma with a token');
    for (const step of STEP_NAMES) {
      const resources = resourcesFor(statementsOf(withToken, step), 'secretsmanager:GetSecretValue');
      assert.equal(resources, READ_CHROMA.includes(step) ? `["${CHROMA_SECRET}"]` : '[]', step);
    }
  });

  it("let the functions use the customer's key for the store, and that key only", () => {
    const { template: withKey } = alternative('customer key');
    for (const step of STEP_NAMES) {
      const statements = statementsOf(withKey, step);
      assert.deepEqual(
        actionsOf(statements).filter((action) => action.startsWith('kms:')),
        KEY_USE,
        step,
      );
      for (const action of KEY_USE)
        assert.deepEqual([...new Set(JSON.parse(resourcesFor(statements, action)))], [KEY], step);
    }
  });

  it("let the courier open the master user's secret with the customer's key", () => {
    const statements = statementsOf(alternative('customer key').template, 'grant-database-access');
    assert.equal(resourcesFor(statements, 'kms:Decrypt'), JSON.stringify([KEY]));
  });

  for (const name of ALTERNATIVES)
    it(`have no wildcard action, and no wildcard resource without a reason: ${name}`, () => {
      for (const [id, { Properties }] of resourcesOf(alternative(name).template, 'AWS::IAM::Policy'))
        for (const { Effect, Action, Resource } of Properties.PolicyDocument.Statement as Statement[])
          for (const action of [Action].flat()) {
            assert.doesNotMatch(action, /\*/, id);
            if (Effect === 'Allow' && [Resource].flat().includes('*'))
              assert.ok(WITHOUT_RESOURCE.has(action), `${id}: ${action}`);
          }
    });
});

describe('the role of the state machine', () => {
  for (const name of ['default', 'customer key', 'existing RDS'] as const)
    it(`runs, stops and redrives its own maps (aws/aws-cdk#35390): ${name}`, () => {
      const statements = machineStatements(alternative(name).template);
      assert.match(resourcesFor(statements, 'states:StartExecution'), /WorkflowStateMachine/);
      for (const action of ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'])
        assert.match(resourcesFor(statements, action), /:execution:/, action);
      for (const map of ['MigrateShards', 'MigrateUnfinishedShards', 'IndexCollections', 'VerifyCollections'])
        assert.match(resourcesFor(statements, 'states:RedriveExecution'), new RegExp(`/${map}:\\*`));
      // The item reader, and the result writer, which puts its file together of parts.
      for (const action of [
        's3:GetObject',
        's3:PutObject',
        's3:ListMultipartUploadParts',
        's3:AbortMultipartUpload',
      ])
        assert.match(resourcesFor(statements, action), /ShardStoreBucket/, action);
      const uses = KEY_USE.map((action) => resourcesFor(statements, action));
      assert.deepEqual(
        uses.map((resources) => resources.includes(KEY)),
        KEY_USE.map(() => name === 'customer key'),
      );
    });

  it('changes this instance and its parameter group, and no other', () => {
    for (const [name, own] of [
      ['default', /VectorDatabase(Parameters|Instance)/],
      ['existing RDS, tuned', /:(db:vectors|pg:vectors-postgres17)"/],
    ] as const) {
      const changes = machineStatements(alternative(name).template).filter(({ Action }) =>
        /^rds:/.test([Action].flat()[0]!),
      );
      assert.ok(changes.length >= 2);
      for (const { Resource } of changes) {
        assert.match(JSON.stringify(Resource), own);
        assert.doesNotMatch(JSON.stringify(Resource), /\*/);
      }
    }
  });

  it("changes nothing of somebody else's instance, unless its parameter group is named", () => {
    for (const name of ['existing RDS', 'existing Aurora'] as const)
      assert.deepEqual(
        actionsOf(machineStatements(alternative(name).template)).filter((action) =>
          action.startsWith('rds:'),
        ),
        [],
      );
  });
});
