import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Match } from 'aws-cdk-lib/assertions';
import { HELPER_NAMES, STEP_NAMES } from '../../lib/step-names.ts';
import { functionsOf, synthesize } from './synthesize.ts';

const { template } = synthesize({ chromaUrl: 'https://chroma.test' });
const functions = functionsOf(template);

const READ_CHROMA: string[] = ['plan', 'export-shard', 'sample-searches'];
const USE_DATABASE: string[] = STEP_NAMES.filter((step) => !READ_CHROMA.includes(step));

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
    assert.deepEqual([...functions.keys()].sort(), [...STEP_NAMES, ...HELPER_NAMES].sort());
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      // Without it the Tracer of the functions has nobody to tell.
      TracingConfig: { Mode: 'Active' },
    });
  });

  it('reach either Chroma or the database, from where that can be reached', () => {
    for (const step of STEP_NAMES) {
      const { VpcConfig, Environment } = functions.get(step)!;
      const environment = Object.keys(Environment.Variables);
      assert.ok(environment.includes('STORE_URL'), step);
      assert.equal(environment.includes('CHROMA_URL'), READ_CHROMA.includes(step), step);
      assert.equal(environment.includes('DATABASE_HOST'), USE_DATABASE.includes(step), step);
      assert.equal(VpcConfig !== undefined, USE_DATABASE.includes(step), step);
    }
  });

  it('move a shard in 512 MB', () => {
    for (const step of ['export-shard', 'import-shard']) assert.equal(functions.get(step)!.MemorySize, 512);
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
