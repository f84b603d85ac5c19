import type { ShardStore } from '../shard-store.ts';
import type { Steps } from '../steps.ts';
import type { VectorDatabase } from '../vector-database.ts';

/** What the states are made of. */
export interface Rooms {
  readonly steps: Steps;
  readonly store: ShardStore;
  readonly database: VectorDatabase;
}
