import { Annotations } from 'aws-cdk-lib';
import type { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2 } from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { acceptFindings } from './accepted-findings.ts';
import { type MigrationConfig, type MigrationSettings, parseConfig } from './config.ts';
import { DatabaseAccess } from './database-access.ts';
import { ExistingDatabase } from './existing-database.ts';
import { FailureReport } from './failure-report.ts';
import { ImportProfileRestoration } from './import-profile-restoration.ts';
import { Network } from './network.ts';
import { Notices } from './notices.ts';
import { Observability } from './observability.ts';
import { ShardStore } from './shard-store.ts';
import { Steps } from './steps.ts';
import { StoreAddresses } from './store-addresses.ts';
import type { TargetDatabase } from './target-database.ts';
import { VectorDatabase } from './vector-database.ts';
import { Workflow } from './workflow.ts';

/** Every setting of config/example.yaml, under the same name; each has a default but the Chroma URL. */
export type ChromaToPgvectorProps = MigrationSettings;

/**
 * The whole migration: database, store, functions and state machine, for a stack of this package or of somebody else.
 * The table of contents: what there is, and what knows what.
 */
export class ChromaToPgvector extends Construct {
  /** Start it with {} or with what MigrationInput says. */
  readonly stateMachine: StateMachine;
  /** Plans, shards and reports. */
  readonly bucket: Bucket;
  readonly database: TargetDatabase;
  /** How each execution ended, and the alarms. */
  readonly topic: Topic;
  readonly dashboard: Dashboard;
  /** What stays when the stack is destroyed, in words. */
  readonly keptOnDestroy: string;

  /** @throws Error whose one message names every mistake of the properties */
  constructor(scope: Construct, id: string, props: ChromaToPgvectorProps) {
    super(scope, id);
    const config = parseConfig(props);
    this.#warnOf(config);

    // Without this key CDK drops every ResultWriter without a word; set here for apps that have no cdk.json of ours.
    this.node.setContext(STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2, true);

    const key = config.kmsKeyArn ? kms.Key.fromKeyArn(this, 'Key', config.kmsKeyArn) : null;
    const network = new Network(this, 'Network', config);
    const store = new ShardStore(this, 'ShardStore', { config, key });
    const addresses = new StoreAddresses(this, 'StoreAddresses', config);
    network.openStore(store.bucket, addresses.peer);
    const database = config.existingDatabase
      ? new ExistingDatabase(this, 'ExistingDatabase', { config, network })
      : new VectorDatabase(this, 'VectorDatabase', { config, network, key });
    const access = new DatabaseAccess(this, 'DatabaseAccess', { config, network, database });
    const steps = new Steps(this, 'Steps', { config, network, store, database });
    const workflow = new Workflow(this, 'Workflow', { config, steps, store, database });
    const { stateMachine } = workflow;

    const { tunable } = database;
    const restoration =
      tunable &&
      new ImportProfileRestoration(this, 'ImportProfileRestoration', {
        ...{ config, store, tunable, stateMachine },
      });

    const failure = new FailureReport(this, 'FailureReport', {
      ...{ config, network, store, database, stateMachine },
    });
    const notices = new Notices(this, 'Notices', { config, store, stateMachine });
    const observability = new Observability(this, 'Observability', {
      ...{ steps, database, notices, stateMachine },
      watched: restoration ? [restoration.watched] : [],
    });

    acceptFindings({
      ...{ config, store, workflow },
      functions: [
        ...steps.node.children,
        ...access.functions,
        addresses.find,
        failure.report,
        notices.send,
        ...(restoration ? [restoration.restore] : []),
      ],
      instance: database instanceof VectorDatabase ? database : null,
    });

    this.stateMachine = stateMachine;
    this.bucket = store.bucket;
    this.database = database;
    this.topic = notices.topic;
    this.dashboard = observability.dashboard;
    this.keptOnDestroy = kept(config, store, database);
  }

  #warnOf(config: MigrationConfig): void {
    if (!config.chromaUrlGiven)
      Annotations.of(this).addWarningV2(
        'chroma-to-pgvector:no-chroma-url',
        `No Chroma server is named, so the functions would read ${config.chromaUrl}. Deploy with -c chromaUrl=https://host:port.`,
      );
  }
}

function kept({ onDestroy }: MigrationConfig, { bucket }: ShardStore, database: TargetDatabase): string {
  if (onDestroy === 'delete') return 'nothing';
  const own = `the database ${database.host} with its VPC, security group and parameter group`;
  const theirs = 'what the migration wrote to the existing database';
  return `the bucket ${bucket.bucketName}; ${database.isOwn ? own : theirs}`;
}
