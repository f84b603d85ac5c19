import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

/** Everything the migration writes lies below this prefix; src/store/keys.ts has the layout. */
const RUNS = 'runs/*';

/** The bucket of plans, shards and reports. It outlives the stack, since it may hold the only copy of a report. */
export class ShardStore extends Construct {
  readonly bucket: s3.Bucket;
  /** As the functions take it. */
  readonly url: string;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.bucket = new s3.Bucket(this, 'Bucket', {
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      // Parts of an upload whose function died are invisible and billed; a shard's upload takes minutes.
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    this.url = `s3://${this.bucket.bucketName}`;
  }

  grantRead(grantee: iam.IGrantable): void {
    this.#grant(grantee, ['s3:GetObject'], [this.bucket.arnForObjects(RUNS)]);
    // Without the right to list, S3 answers 403 for an object that is not there, and a first run's look for a
    // manifest could not be told from a missing permission.
    this.#grant(grantee, ['s3:ListBucket'], [this.bucket.bucketArn]);
  }

  grantWrite(grantee: iam.IGrantable): void {
    this.#grant(grantee, ['s3:PutObject', 's3:AbortMultipartUpload'], [this.bucket.arnForObjects(RUNS)]);
  }

  grantDelete(grantee: iam.IGrantable): void {
    this.#grant(grantee, ['s3:DeleteObject'], [this.bucket.arnForObjects(RUNS)]);
  }

  // The bucket's own grant methods give wildcard actions (s3:GetObject*, s3:List*), more than any step does.
  #grant(grantee: iam.IGrantable, actions: string[], resourceArns: string[]): void {
    iam.Grant.addToPrincipal({ grantee, actions, resourceArns });
  }
}
