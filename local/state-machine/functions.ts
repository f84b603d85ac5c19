/**
 * The functions that Step Functions adds to JSONata.
 * https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions
 */
import { createHash, randomUUID } from 'node:crypto';

const HASHES: Record<string, string> = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

/** @param random 0 ≤ x < 1 */
export const stepFunctionsFunctions = (random: () => number) => ({
  partition,
  range,
  hash,
  uuid: () => randomUUID(),
  random: (seed?: number) => (seed === undefined ? random() : seeded(seed)),
  parse: (text: string) => JSON.parse(text) as unknown,
});

export const STEP_FUNCTIONS_NAMES: readonly string[] = Object.keys(stepFunctionsFunctions(Math.random));

/** [1, 2, 3], 2 → [[1, 2], [3]] */
function partition(array: unknown, size: number): unknown[][] {
  if (!Number.isInteger(size) || size < 1) throw new Error(`$partition takes a size from 1 on, not ${size}`);
  const items = Array.isArray(array) ? array : [array];
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** 1, 9, 2 → [1, 3, 5, 7, 9] */
function range(first: number, last: number, step: number): number[] {
  if (![first, last, step].every(Number.isFinite) || step === 0)
    throw new Error('$range takes three numbers, the last of them not 0');
  const length = Math.max(0, Math.floor((last - first) / step) + 1);
  return Array.from({ length }, (_, index) => first + index * step);
}

function hash(text: string, algorithm = 'SHA-1'): string {
  const name = HASHES[algorithm];
  if (name === undefined) throw new Error(`$hash does not know the algorithm '${algorithm}'`);
  return createHash(name).update(text).digest('hex');
}

/** The same number for the same seed; AWS does not say which. */
function seeded(seed: number): number {
  const digest = createHash('sha256').update(String(seed)).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}
