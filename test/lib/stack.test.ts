import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Match } from 'aws-cdk-lib/assertions';
import { STEP_NAMES } from '../../lib/step-names.ts';
import { STATIC_PARAMETERS } from '../../lib/vector-database.ts';
import { functionsOf, type Resource, resourcesOf, synthesize } from './synthesize.ts';

const { template } = synthesize({ chromaUrl: 'https://chroma.test' });
const functions = functionsOf(template);

const READ_CHROMA: string[] = ['plan', 'export-shard', 'sample-searches'];
const USE_DATABASE: string[] = STEP_NAMES.filter((step) => !READ_CHROMA.includes(step));

describe('the network', () => {
  it('has nothing that is billed by the hour, and no way out', () => {
    template.resourceCountIs('AWS::EC2::NatGateway', 0);
    template.resourceCountIs('AWS::EC2::InternetGateway', 0);
    template.allResourcesProperties('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' });
  });

  it('lets only the functions reach the database, and only on its port', () => {
    const rules = resourcesOf(template, 'AWS::EC2::SecurityGroupIngress').map(
      ([, { Properties }]) => Properties,
    );
    assert.equal(rules.length, 1);
    assert.equal(rules[0]!.FromPort, 5432);
    assert.equal(rules[0]!.ToPort, 5432);
    assert.match(JSON.stringify(rules[0]!.SourceSecurityGroupId), /FunctionSecurityGroup/);
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::EC2::SecurityGroup'))
      assert.equal(Properties.SecurityGroupIngress, undefined, id);
  });

  it("passes requests for the migration's bucket to S3, and for nobody else's", () => {
    const [[, endpoint]] = resourcesOf(template, 'AWS::EC2::VPCEndpoint') as [[string, Resource]];
    for (const { Resource } of endpoint.Properties.PolicyDocument.Statement)
      assert.match(JSON.stringify(Resource), /ShardStoreBucket/);
  });
});

describe('the database', () => {
  it('is PostgreSQL 17, encrypted, backed up, out of reach from outside, and kept when the stack goes', () => {
    template.hasResource('AWS::RDS::DBInstance', {
      DeletionPolicy: 'Retain',
      Properties: Match.objectLike({
        Engine: 'postgres',
        EngineVersion: Match.stringLikeRegexp('^17'),
        StorageType: 'gp3',
        StorageEncrypted: true,
        DeletionProtection: true,
        BackupRetentionPeriod: 7,
        PubliclyAccessible: false,
        EnableIAMDatabaseAuthentication: true,
      }),
    });
  });

  it('accepts connections with TLS only', () => {
    template.hasResourceProperties('AWS::RDS::DBParameterGroup', { Parameters: { 'rds.force_ssl': '1' } });
  });

  it('leaves every setting that the workflow tunes to the workflow', () => {
    const [[, group]] = resourcesOf(template, 'AWS::RDS::DBParameterGroup') as [[string, Resource]];
    assert.deepEqual(group.Properties.Parameters, STATIC_PARAMETERS);
    const tuned = /mem|buffers|cache|wal|checkpoint|connections|worker|parallel/;
    assert.deepEqual(
      Object.keys(STATIC_PARAMETERS).filter((key) => tuned.test(key)),
      [],
    );
  });
});

describe('the store', () => {
  it('is private, encrypted, spoken to with TLS only, and kept when the stack goes', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: Match.objectLike({
        BucketEncryption: Match.anyValue(),
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      }),
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });
});

describe('the functions', () => {
  it('are one a step, on the newest Node and on arm64', () => {
    assert.deepEqual([...functions.keys()].sort(), [...STEP_NAMES].sort());
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
    });
  });

  it('reach either Chroma or the database, from where that can be reached', () => {
    for (const [step, { VpcConfig, Environment }] of functions) {
      const environment = Object.keys(Environment.Variables);
      assert.ok(environment.includes('STORE_URL'), step);
      assert.equal(environment.includes('CHROMA_URL'), READ_CHROMA.includes(step), step);
      assert.equal(environment.includes('DATABASE_HOST'), USE_DATABASE.includes(step), step);
      assert.equal(VpcConfig !== undefined, USE_DATABASE.includes(step), step);
    }
  });

  it('have no password in their environment', () => {
    for (const [step, { Environment }] of functions)
      assert.doesNotMatch(JSON.stringify(Environment), /password|resolve:secretsmanager|Secret/i, step);
  });

  it('move a shard in 512 MB', () => {
    for (const step of ['export-shard', 'import-shard']) assert.equal(functions.get(step)!.MemorySize, 512);
  });
});

describe('permissions', () => {
  for (const step of STEP_NAMES) {
    it(`of ${step} are what the step does`, () => {
      const database = USE_DATABASE.includes(step) ? ['rds-db:connect'] : [];
      const broken = step === 'import-shard' ? ['s3:DeleteObject'] : [];
      const store = ['s3:AbortMultipartUpload', 's3:GetObject', 's3:ListBucket', 's3:PutObject'];
      const tracing = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'];
      assert.deepEqual(actionsOf(step), [...database, ...broken, ...store, ...tracing].sort());
    });
  }

  it("let the functions be the migration's user of this database, and nobody else", () => {
    for (const step of USE_DATABASE) {
      const [statement] = statementsOf(step).filter(({ Action }) => Action === 'rds-db:connect');
      const resource = JSON.stringify(statement!.Resource);
      assert.match(resource, /DbiResourceId.*\/chroma_migration/);
      assert.doesNotMatch(resource, /\*/);
    }
  });

  it('have no wildcard action, and no wildcard resource but where the service has no resource to name', () => {
    const unnamed = /^(xray|logs):/;
    for (const [id, { Properties }] of resourcesOf(template, 'AWS::IAM::Policy'))
      for (const { Action, Resource } of Properties.PolicyDocument.Statement)
        for (const action of [Action].flat()) {
          assert.doesNotMatch(action, /\*/, id);
          if (Resource === '*') assert.match(action, unnamed, id);
        }
  });

  it('let the state machine run, stop and redrive its own maps (aws/aws-cdk#35390)', () => {
    const statements = machineStatements();
    const resourcesFor = (action: string) =>
      JSON.stringify(
        statements.filter(({ Action }) => [Action].flat().includes(action)).map((one) => one.Resource),
      );
    assert.match(resourcesFor('states:StartExecution'), /WorkflowStateMachine/);
    for (const action of ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'])
      assert.match(resourcesFor(action), /:execution:/, action);
    for (const map of ['MigrateShards', 'MigrateUnfinishedShards', 'IndexCollections', 'VerifyCollections'])
      assert.match(resourcesFor('states:RedriveExecution'), new RegExp(`/${map}:\\*`));
    assert.match(resourcesFor('s3:PutObject'), /ShardStoreBucket/);
    assert.match(resourcesFor('s3:GetObject'), /ShardStoreBucket/);
  });

  it('let the state machine change this instance and its parameter group, and no other', () => {
    for (const { Action, Resource } of machineStatements())
      if (/^rds:/.test([Action].flat()[0]!)) {
        assert.match(JSON.stringify(Resource), /VectorDatabase(Parameters|Instance)/);
        assert.doesNotMatch(JSON.stringify(Resource), /\*/);
      }
  });
});

describe('the state machine', () => {
  it('logs every event and traces its calls', () => {
    template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineType: 'STANDARD',
      LoggingConfiguration: Match.objectLike({ Level: 'ALL' }),
      TracingConfiguration: { Enabled: true },
    });
  });
});

interface Statement {
  Action: string | string[];
  Resource: unknown;
}

function statementsOf(step: string): Statement[] {
  return statementsOfRole(functions.get(step)!.Role['Fn::GetAtt'][0]);
}

function actionsOf(step: string): string[] {
  return [...new Set(statementsOf(step).flatMap(({ Action }) => Action))].sort();
}

function machineStatements(): Statement[] {
  const [[, machine]] = resourcesOf(template, 'AWS::StepFunctions::StateMachine') as [[string, Resource]];
  return statementsOfRole(machine.Properties.RoleArn['Fn::GetAtt'][0]);
}

function statementsOfRole(role: string): Statement[] {
  return resourcesOf(template, 'AWS::IAM::Policy')
    .filter(([, { Properties }]) => Properties.Roles.some((one: { Ref: string }) => one.Ref === role))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
}
