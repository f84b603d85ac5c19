import type { ShardStore } from '../../src/store/store.ts';
import type { Fields } from './fields.ts';

/** The store that the field Bucket of an S3 integration's arguments names. */
export function readBucket(args: Fields, buckets: ReadonlyMap<string, ShardStore>): ShardStore | undefined {
  const name = args.string('Bucket');
  const store = buckets.get(name);
  if (!store) args.refuse('Bucket', `names no bucket of the assembly: '${name}'`);
  return store;
}
