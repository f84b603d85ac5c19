import type { ShardContent } from '../contract.ts';

/** What became of ids that were listed: `read = loaded + rejected + vanished`, or some are not explained. */
export interface RecordAccount {
  loaded: number;
  rejected: number;
  vanished: number;
}

/**
 * What became of a collection's planned records. Where these were compared (`digests`), those that differed were read
 * once more as `rows`: what became of them then is what counts.
 */
export function accountOfShards(
  shards: readonly (RecordAccount & { content: ShardContent })[],
): RecordAccount {
  const isUpdate = shards.some(({ content }) => content === 'digests');
  const account = { loaded: 0, rejected: 0, vanished: 0 };
  for (const { content, loaded, rejected, vanished } of shards) {
    const again = isUpdate && content === 'rows';
    // Counted as loaded when they were compared.
    account.loaded += again ? -(rejected + vanished) : loaded;
    account.rejected += rejected;
    account.vanished += vanished;
  }
  return account;
}
