import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { MigrationConfig } from './config.ts';
import type { Network } from './network.ts';
import type { ShardStore } from './shard-store.ts';
import { type Placement, StepFunction } from './step-function.ts';
import type { StepName } from './step-names.ts';
import { memoryMb, timeoutMinutes } from './step-sizes.ts';
import type { TargetDatabase } from './target-database.ts';

export interface StepsProps {
  readonly config: MigrationConfig;
  readonly network: Network;
  readonly store: ShardStore;
  readonly database: TargetDatabase;
}

/**
 * The functions of the state machine: what each is given and what it may do, one method each.
 *
 * Those that read Chroma stand outside the VPC, since Chroma is on the internet and isolated subnets lead
 * nowhere (inside if Chroma is); those that talk to the database stand inside. None does both: what one side learns
 * reaches the other through the store.
 */
export class Steps extends Construct {
  readonly plan: StepFunction;
  readonly prepareDatabase: StepFunction;
  readonly chooseImportProfile: StepFunction;
  readonly exportShard: StepFunction;
  readonly importShard: StepFunction;
  readonly findUnfinishedShards: StepFunction;
  readonly startIndexBuild: StepFunction;
  readonly checkIndexBuild: StepFunction;
  readonly sampleSearches: StepFunction;
  readonly verifyCollection: StepFunction;
  readonly publish: StepFunction;
  readonly recommendParameters: StepFunction;
  readonly writeReport: StepFunction;
  readonly #props: StepsProps;

  constructor(scope: Construct, id: string, props: StepsProps) {
    super(scope, id);
    this.#props = props;
    this.plan = this.#chromaStep('plan', 'Profiles the collections and cuts them into shards.');
    this.prepareDatabase = this.#databaseStep(
      'prepare-database',
      'Makes the extension, the ledger and the incoming schemas.',
    );
    this.chooseImportProfile = this.#databaseStep(
      'choose-import-profile',
      'Computes what the server is set to while the run loads and indexes.',
    );
    this.exportShard = this.#chromaStep('export-shard', 'Writes one shard of a collection to the store.');
    this.importShard = this.#databaseStep('import-shard', 'Copies one shard from the store into Postgres.');
    // An object that is not what its manifest says is exported again, for which the manifest must go.
    this.importShard.bindStore(props.store, 'delete');
    this.findUnfinishedShards = this.#databaseStep(
      'find-unfinished-shards',
      'Asks the ledger which shards did not arrive, and what differs from live tables.',
    );
    this.startIndexBuild = this.#databaseStep('start-index-build', 'Starts the next index build and leaves.');
    this.checkIndexBuild = this.#databaseStep('check-index-build', 'Looks how far the index build is.');
    this.sampleSearches = this.#chromaStep(
      'sample-searches',
      'Writes what Chroma answers to sampled searches.',
    );
    this.verifyCollection = this.#databaseStep(
      'verify-collection',
      'Compares counts, checksums and searches with what Chroma said.',
    );
    this.publish = this.#databaseStep('publish', 'Puts the incoming tables in the place of the live ones.');
    this.recommendParameters = this.#databaseStep(
      'recommend-parameters',
      "Computes the server's settings from the instance and the data.",
    );
    this.writeReport = this.#databaseStep('write-report', 'Writes the report for machines and for people.');
  }

  #chromaStep(step: StepName, description: string): StepFunction {
    const { config, network, store } = this.#props;
    const { chromaClients } = network;
    const placement = chromaClients ? { network, securityGroup: chromaClients } : undefined;
    return this.#create(step, description, placement).bindChroma(config).bindStore(store, 'read', 'write');
  }

  #databaseStep(step: StepName, description: string): StepFunction {
    const { network, store, database } = this.#props;
    return this.#create(step, description, { network, securityGroup: network.databaseClients })
      .bindDatabase(database)
      .bindStore(store, 'read', 'write');
  }

  #create(step: StepName, description: string, placement?: Placement): StepFunction {
    return new StepFunction(this, pascalCase(step), {
      step,
      description,
      memorySize: memoryMb(step, this.#props.config.shardMemoryMb),
      timeout: Duration.minutes(timeoutMinutes(step)),
      logRetention: this.#props.config.logRetentionDays,
      ...(placement && { placement }),
    });
  }
}

const pascalCase = (name: string) =>
  name.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
