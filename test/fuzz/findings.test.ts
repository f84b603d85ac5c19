/** What `npm run fuzz` has found once, and a second of new mutations. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Random, seedOf } from '../faults/random.ts';
import { mutated } from './mutate.ts';
import { TARGETS } from './targets.ts';

const FINDINGS = fileURLToPath(new URL('./findings/', import.meta.url));
const MUTATIONS = 300;

describe('a reader of what comes from outside', () => {
  for (const file of existsSync(FINDINGS) ? readdirSync(FINDINGS) : [])
    it(`stands what it did not once: ${file}`, async () => {
      await TARGETS[file.split('-')[0]!]!.take(readFileSync(join(FINDINGS, file)));
    });

  for (const [name, { examples, take }] of Object.entries(TARGETS))
    it(`reads or refuses, as it should, ${MUTATIONS} mutations: ${name}`, async () => {
      for (const example of examples) await take(example);
      for (let round = 0; round < MUTATIONS; round++) {
        const random = new Random(seedOf(1, round));
        await take(mutated(random, random.pick(examples), examples));
      }
    });
});
