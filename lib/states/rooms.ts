import type { MigrationConfig } from '../config.ts';
import type { ShardStore } from '../shard-store.ts';
import type { Steps } from '../steps.ts';
import type { TargetDatabase } from '../target-database.ts';

/** What the states are made of. */
export interface Rooms {
  readonly config: MigrationConfig;
  readonly steps: Steps;
  readonly store: ShardStore;
  readonly database: TargetDatabase;
}
