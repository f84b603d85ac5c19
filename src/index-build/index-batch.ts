import type { IndexBatchInput, IndexBatchOutput, IndexBuildInput, IndexBuildOutput } from '../contract.ts';

type Step = (input: IndexBuildInput) => Promise<IndexBuildOutput>;

/**
 * Builds the indexes of each collection in turn, until one of them takes longer: that one and those behind it are left.
 * Only small collections share a batch, so that mostly none is.
 */
export async function startBatch({ items, looks }: IndexBatchInput, start: Step): Promise<IndexBatchOutput> {
  for (const [at, item] of items.entries()) {
    const found = await start({ ...item, looks });
    if (found.state !== 'valid') return foundOf(items.slice(at), found);
  }
  return { items: [], state: 'valid', index: null, percent: null, looks: looks + 1, waitSeconds: 0 };
}

/** Looks at the first of them, which is the one that is under way. */
export async function checkBatch({ items, looks }: IndexBatchInput, check: Step): Promise<IndexBatchOutput> {
  return foundOf(items, await check({ ...items[0]!, looks }));
}

const foundOf = (
  items: IndexBatchInput['items'],
  { state, index, percent, looks, waitSeconds }: IndexBuildOutput,
): IndexBatchOutput => ({ items, state, index, percent, looks, waitSeconds });
