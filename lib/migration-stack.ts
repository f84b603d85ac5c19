import { Annotations, CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import { STEPFUNCTIONS_USE_DISTRIBUTED_MAP_RESULT_WRITER_V2 } from 'aws-cdk-lib/cx-api';
import type { Construct } from 'constructs';
import { acceptFindings } from './accepted-findings.ts';
import { type MigrationConfig, parseConfig } from './config.ts';
import { type ConfigSources, gatherConfig } from './config-sources.ts';
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
import { VectorDatabase } from './vector-database.ts';
import { Workflow } from './workflow.ts';

/** The table of contents: what there is, and what knows what. */
export class MigrationStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps & ConfigSources = {}) {
    super(scope, id, props);
    const config = parseConfig(gatherConfig(this.node, props));
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

    const { tunable } = database;
    const restoration =
      tunable &&
      new ImportProfileRestoration(this, 'ImportProfileRestoration', {
        ...{ config, store, tunable, stateMachine: workflow.stateMachine },
      });

    const failure = new FailureReport(this, 'FailureReport', {
      ...{ config, network, store, database, stateMachine: workflow.stateMachine },
    });
    const notices = new Notices(this, 'Notices', { config, store, stateMachine: workflow.stateMachine });
    new Observability(this, 'Observability', {
      ...{ steps, database, notices, stateMachine: workflow.stateMachine },
      watched: restoration ? [restoration.watched] : [],
    });

    acceptFindings({
      ...{ config, store, workflow },
      functions: [
        ...steps.node.children,
        ...access.functions,
        addresses.find,
        failure.report,
        ...(restoration ? [restoration.restore] : []),
      ],
      instance: database instanceof VectorDatabase ? database : null,
    });

    new CfnOutput(this, 'StateMachineArn', { value: workflow.stateMachine.stateMachineArn });
    new CfnOutput(this, 'StoreUrl', { value: store.url });
    new CfnOutput(this, 'DatabaseHost', { value: database.host });
    new CfnOutput(this, 'DatabaseSecretArn', { value: database.masterSecret.secretArn });
  }

  #warnOf(config: MigrationConfig): void {
    if (!config.chromaUrlGiven)
      Annotations.of(this).addWarningV2(
        'chroma-to-pgvector:no-chroma-url',
        `No Chroma server is named, so the functions would read ${config.chromaUrl}. Deploy with -c chromaUrl=https://host:port.`,
      );
  }
}
