import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alternative } from './alternatives.ts';
import { type Resource, resourcesOf } from './synthesize.ts';

type Kept = Resource & { DeletionPolicy?: string };

const keptIn = (name: Parameters<typeof alternative>[0]) =>
  Object.values(alternative(name).template.toJSON().Resources as Record<string, Kept>).filter(
    ({ DeletionPolicy }) => DeletionPolicy === 'Retain' || DeletionPolicy === 'Snapshot',
  );
const typesIn = (name: Parameters<typeof alternative>[0]) => [
  ...new Set(keptIn(name).map(({ Type }) => Type.replace('AWS::', ''))),
];

describe('cdk destroy', () => {
  it('leaves what holds data, and what that stands on, so that it does not fail half-way', () => {
    assert.deepEqual(typesIn('default').sort(), [
      'EC2::SecurityGroup',
      'EC2::Subnet',
      'EC2::VPC',
      'RDS::DBInstance',
      'RDS::DBParameterGroup',
      'RDS::DBSubnetGroup',
      'S3::Bucket',
    ]);
    const groups = keptIn('default').filter(({ Type }) => Type === 'AWS::EC2::SecurityGroup');
    // The database's alone: the functions' goes with them.
    assert.deepEqual(
      groups.map(({ Properties }) => Properties.GroupDescription),
      ['The database'],
    );
  });

  it('leaves of an existing network and database nothing but the bucket to anybody', () => {
    assert.deepEqual(typesIn('existing RDS'), ['S3::Bucket']);
    assert.deepEqual(typesIn('existing Aurora'), ['S3::Bucket']);
  });

  it('leaves nothing where it was told so, and can: the database is not protected and the bucket is emptied', () => {
    assert.deepEqual(typesIn('deleted with the stack'), []);
    const { template } = alternative('deleted with the stack');
    template.hasResourceProperties('AWS::RDS::DBInstance', { DeletionProtection: false });
    template.resourceCountIs('Custom::S3AutoDeleteObjects', 1);
  });

  it('is told of beforehand by an output that names what is left', () => {
    const { KeptOnDestroy } = alternative('default').template.toJSON().Outputs;
    const text = JSON.stringify(KeptOnDestroy.Value);
    for (const name of ['ShardStoreBucket', 'Endpoint.Address', 'VPC']) assert.ok(text.includes(name), name);
    assert.equal(
      alternative('deleted with the stack').template.toJSON().Outputs.KeptOnDestroy.Value,
      'nothing',
    );
  });
});

describe('the store', () => {
  it('forgets a run after the days that the configuration says, and an unfinished upload after one', () => {
    const [[, bucket]] = resourcesOf(alternative('default').template, 'AWS::S3::Bucket') as [
      [string, Resource],
    ];
    const { Rules } = bucket.Properties.LifecycleConfiguration;
    assert.deepEqual(
      Rules.map((rule: Record<string, unknown>) => [rule.Prefix, rule.ExpirationInDays]),
      [
        [undefined, undefined],
        ['runs/', 90],
      ],
    );
    assert.equal(Rules[0].AbortIncompleteMultipartUpload.DaysAfterInitiation, 1);
  });
});
