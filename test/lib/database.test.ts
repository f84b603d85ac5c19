import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Match } from 'aws-cdk-lib/assertions';
import { STATIC_PARAMETERS } from '../../lib/vector-database.ts';
import { SETTINGS_READ } from '../../src/tune/recommend-settings.ts';
import { ALTERNATIVES, alternative, KEY, MASTER_SECRET } from './alternatives.ts';
import { functionsOf, type Resource, resourcesOf } from './synthesize.ts';

const { template } = alternative('default');

describe('the database', () => {
  it('is PostgreSQL 17, encrypted, backed up, watched, out of reach from outside, and kept when the stack goes', () => {
    template.hasResource('AWS::RDS::DBInstance', {
      DeletionPolicy: 'Retain',
      Properties: Match.objectLike({
        Engine: 'postgres',
        EngineVersion: Match.stringLikeRegexp('^17'),
        DBInstanceClass: 'db.r7g.large',
        StorageType: 'gp3',
        StorageEncrypted: true,
        DeletionProtection: true,
        BackupRetentionPeriod: 7,
        MultiAZ: false,
        PubliclyAccessible: false,
        EnableIAMDatabaseAuthentication: true,
        EnablePerformanceInsights: true,
        EnableCloudwatchLogsExports: ['postgresql', 'upgrade'],
      }),
    });
  });

  it('is PostgreSQL 18 with a second instance where that is asked for', () => {
    alternative('Multi-AZ, PostgreSQL 18').template.hasResourceProperties('AWS::RDS::DBInstance', {
      EngineVersion: Match.stringLikeRegexp('^18'),
      MultiAZ: true,
    });
  });

  it("is encrypted with the customer's key, its secret and its insights too", () => {
    const { template: withKey } = alternative('customer key');
    withKey.hasResourceProperties('AWS::RDS::DBInstance', {
      KmsKeyId: KEY,
      PerformanceInsightsKMSKeyId: KEY,
      MasterUserSecret: { KmsKeyId: KEY },
    });
    withKey.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: { KMSMasterKeyID: KEY, SSEAlgorithm: 'aws:kms' },
          },
        ],
      },
    });
  });

  it('accepts connections with TLS only, and counts its statements', () => {
    template.hasResourceProperties('AWS::RDS::DBParameterGroup', {
      Parameters: Match.objectLike({
        'rds.force_ssl': '1',
        shared_preload_libraries: Match.stringLikeRegexp('pg_stat_statements'),
      }),
    });
  });

  it('leaves every setting that the workflow tunes to the workflow', () => {
    const [[, group]] = resourcesOf(template, 'AWS::RDS::DBParameterGroup') as [[string, Resource]];
    assert.deepEqual(group.Properties.Parameters, STATIC_PARAMETERS);
    assert.deepEqual(
      Object.keys(STATIC_PARAMETERS).filter((key) => SETTINGS_READ.includes(key)),
      [],
    );
  });
});

describe('an existing database', () => {
  for (const name of ['existing RDS', 'existing RDS, tuned', 'existing Aurora'] as const)
    it(`is written to and not made: ${name}`, () => {
      const existing = alternative(name).template;
      for (const type of ['RDS::DBInstance', 'RDS::DBParameterGroup', 'SecretsManager::Secret'])
        existing.resourceCountIs(`AWS::${type}`, 0);
      const { Environment } = functionsOf(existing).get('import-shard')!;
      assert.equal(Environment.Variables.DATABASE_HOST, 'vectors.test');
      assert.equal(Environment.Variables.DATABASE_PORT, '5433');
      existing.hasResourceProperties('Custom::DatabaseAccess', {
        SecretArn: MASTER_SECRET,
        User: 'chroma_migration',
        OwnsDatabase: 'false',
      });
    });
});

describe('a password', () => {
  for (const name of ALTERNATIVES)
    it(`stands in no environment, and nowhere else in the template: ${name}`, () => {
      const whole = alternative(name).template;
      for (const [step, { Environment }] of functionsOf(whole))
        for (const variable of Object.keys(Environment.Variables))
          assert.doesNotMatch(variable, /password|token$|key$/i, step);
      for (const [id, resource] of Object.entries(whole.toJSON().Resources as Record<string, Resource>))
        assert.doesNotMatch(JSON.stringify(resource), /resolve:secretsmanager|"MasterUserPassword"/, id);
      for (const [id, { Properties }] of resourcesOf(whole, 'AWS::RDS::DBInstance'))
        assert.equal(Properties.ManageMasterUserPassword, true, id);
    });
});
