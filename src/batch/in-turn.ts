import { THROTTLING_ERRORS, TRANSIENT_ERRORS } from '../errors.ts';

/** What the state machine tries again: where one item meets it, the next ones would too. */
const PASSING: readonly string[] = [...TRANSIENT_ERRORS, ...THROTTLING_ERRORS];

/**
 * Does the work for each item in turn. One that fails stops no other, unless its error is one that passes by itself;
 * then the whole is tried again, and what was done is done: all steps are.
 *
 * @param nameOf what an error calls the item
 * @throws the error of one item as it is; of several, the first with the number of the others
 */
export async function inTurn<Item, Output>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  work: (item: Item) => Promise<Output>,
): Promise<Output[]> {
  const outputs: Output[] = [];
  const failures: { item: Item; error: Error }[] = [];
  for (const item of items) {
    try {
      outputs.push(await work(item));
    } catch (error) {
      failures.push({ item, error: error as Error });
      if (PASSING.includes((error as Error).name)) break;
    }
  }
  const [first] = failures;
  if (!first) return outputs;
  throw items.length === 1 ? first.error : ofBatch(failures, items.length, nameOf);
}

/** Failures that a sentence names. */
const NAMED = 10;

/** An error that passes comes last and goes first: it is tried again, and the others tell themselves then. */
function ofBatch<Item>(
  failures: readonly { item: Item; error: Error }[],
  items: number,
  nameOf: (item: Item) => string,
): Error {
  const last = failures.at(-1)!;
  const { error } = PASSING.includes(last.error.name) ? last : failures[0]!;
  const names = failures.slice(0, NAMED).map(({ item }) => nameOf(item));
  const more = failures.length > NAMED ? `, and ${failures.length - NAMED} more` : '';
  const sentence = error.message.replace(/\.$/, '');
  const said = new Error(`${sentence} (of a batch of ${items}: ${names.join(', ')}${more}).`, {
    cause: error,
  });
  // The state machine knows errors by their names.
  said.name = error.name;
  return said;
}
