import { inTurn } from '../src/batch/in-turn.ts';
import type { Batch, CollectionItem } from '../src/contract.ts';
import { step } from './step.ts';

/** A collection, or a shard of one. */
type Item = CollectionItem & { number?: number };

/** A handler of batches: each item is a step of its own, with its own lines, trace and figures. */
export function stepOfEach<Input extends Item, Output>(work: (item: Input) => Promise<Output>) {
  const one = step(work);
  return async ({ items }: Batch<Input>, context?: Parameters<typeof one>[1]): Promise<Batch<Output>> => ({
    items: await inTurn(items, nameOf, (item) => one(item, context)),
  });
}

/** As a person knows it. */
const nameOf = ({ collection, number }: Item): string =>
  number === undefined ? `collection "${collection}"` : `shard ${number} of collection "${collection}"`;
