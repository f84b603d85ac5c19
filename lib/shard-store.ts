import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';

/** Everything the migration writes lies below this prefix; src/store/keys.ts has the layout. */
const RUNS = 'runs/*';

export interface ShardStoreProps {
  readonly config: MigrationConfig;
  readonly key: kms.IKey | null;
}

/** The bucket of plans, shards and reports. It outlives the stack unless told otherwise. */
export class ShardStore extends Construct {
  readonly bucket: s3.Bucket;
  /** As the functions take it. */
  readonly url: string;
  readonly #key: kms.IKey | null;

  constructor(scope: Construct, id: string, { config, key }: ShardStoreProps) {
    super(scope, id);
    this.#key = key;
    const keep = config.onDestroy === 'keep';
    this.bucket = new s3.Bucket(this, 'Bucket', {
      ...(key
        ? // Without a bucket key, each of a shard's requests would be one of KMS too, billed by themselves.
          { encryption: s3.BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }
        : { encryption: s3.BucketEncryption.S3_MANAGED }),
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      // Parts of an upload whose function died are invisible and billed; a shard's upload takes minutes.
      lifecycleRules: [
        { abortIncompleteMultipartUploadAfter: Duration.days(1) },
        { prefix: 'runs/', expiration: Duration.days(config.storeRetentionDays) },
      ],
      removalPolicy: keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      // CloudFormation deletes no bucket that holds anything, so CDK empties it first.
      autoDeleteObjects: !keep,
    });
    this.url = `s3://${this.bucket.bucketName}`;
  }

  grantRead(grantee: iam.IGrantable): void {
    this.#grant(grantee, ['s3:GetObject'], [this.bucket.arnForObjects(RUNS)]);
    this.#grantKey(grantee, ['kms:Decrypt']);
    // Without the right to list, S3 answers 403 for an object that is not there, and a first run's look for a
    // manifest could not be told from a missing permission.
    this.#grant(grantee, ['s3:ListBucket'], [this.bucket.bucketArn]);
  }

  grantWrite(grantee: iam.IGrantable): void {
    this.#grant(grantee, ['s3:PutObject', 's3:AbortMultipartUpload'], [this.bucket.arnForObjects(RUNS)]);
    // Decrypt too: the parts of an upload are put together by who uploaded them.
    this.#grantKey(grantee, ['kms:GenerateDataKey', 'kms:Decrypt']);
  }

  grantDelete(grantee: iam.IGrantable): void {
    this.#grant(grantee, ['s3:DeleteObject'], [this.bucket.arnForObjects(RUNS)]);
  }

  /** For the maps, whose readers and result writers CDK gives the bucket alone. */
  grantMaps(grantee: iam.IGrantable): void {
    this.#grantKey(grantee, ['kms:GenerateDataKey', 'kms:Decrypt']);
  }

  #grantKey(grantee: iam.IGrantable, actions: string[]): void {
    if (this.#key) this.#grant(grantee, actions, [this.#key.keyArn]);
  }

  // The bucket's own grant methods give wildcard actions (s3:GetObject*, s3:List*), more than any step does.
  #grant(grantee: iam.IGrantable, actions: string[], resourceArns: string[]): void {
    iam.Grant.addToPrincipal({ grantee, actions, resourceArns });
  }
}
