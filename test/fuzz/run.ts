/** `npm run fuzz -- --minutes 60`: gives every reader bytes that nobody meant, and keeps what it cannot stand. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random, seedOf } from '../faults/random.ts';
import { mutated } from './mutate.ts';
import { TARGETS } from './targets.ts';

const HELP = `npm run fuzz -- [--minutes 1] [--seed N] [--target NAME]

Mutates examples of what the readers read (${Object.keys(TARGETS).join(', ')}) for so long. What a reader neither reads
nor refuses as it should is written to test/fuzz/findings/, which npm test gives it again.
`;
const FINDINGS = fileURLToPath(new URL('./findings/', import.meta.url));
/** Inputs that take a reader more of the processor are findings too. */
const SLOW_MILLISECONDS = 2_000;
const MOST_BYTES = 64 * 1024;
const MOST_EXAMPLES = 200;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    target: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const names = Object.keys(TARGETS).filter((name) => name === (values.target ?? name));
const deadline = performance.now() + Number(values.minutes) * 60_000;
const taken = new Map(names.map((name) => [name, 0]));
const found = new Map<string, string>();
/** Mutations of mutations reach further: some of them join the examples. */
const kept = new Map(names.map((name) => [name, [...TARGETS[name]!.examples]]));

for (let round = 0; performance.now() < deadline; round++) for (const name of names) await once(name, round);

const rounds = [...taken].map(([name, times]) => `${name} ${times}`).join(', ');
process.stdout.write(`seed ${seed}: ${rounds}; ${found.size} findings\n`);
for (const [what, file] of found) process.stdout.write(`${what}\n  ${file}\n`);
process.exit(found.size > 0 ? 1 : 0);

async function once(name: string, round: number): Promise<void> {
  const random = new Random(seedOf(seed, round));
  const examples = kept.get(name)!;
  const bytes = mutated(random, random.pick(examples), examples).subarray(0, MOST_BYTES);
  taken.set(name, taken.get(name)! + 1);
  try {
    // Once in millions it is the collector that takes its time: what is slow is slow again.
    if (
      (await milliseconds(name, bytes)) > SLOW_MILLISECONDS &&
      (await milliseconds(name, bytes)) > SLOW_MILLISECONDS
    )
      throw new Error('it took too long');
  } catch (error) {
    await keep(name, bytes, error as Error);
  }
  if (examples.length < MOST_EXAMPLES && bytes.length < 2_000 && random.chance(0.001)) examples.push(bytes);
}

/** Of the processor, of all threads. */
async function milliseconds(name: string, bytes: Buffer): Promise<number> {
  const started = process.cpuUsage();
  await TARGETS[name]!.take(bytes);
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}

/** One finding of a kind is enough: others fail at the same line. */
async function keep(name: string, bytes: Buffer, error: Error): Promise<void> {
  const place = error.stack?.split('\n').find((line) => /\/(src|lib|test\/fuzz\/targets)/.test(line)) ?? '';
  const what = `${name}: ${error.message.split('\n')[0]?.slice(0, 200)} ${place.trim()}`;
  const kind = `${name} ${place.trim()}`;
  if ([...found.keys()].some((one) => one.startsWith(name) && one.endsWith(kind.slice(name.length)))) return;
  await mkdir(FINDINGS, { recursive: true });
  const file = `${FINDINGS}${name}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`;
  await writeFile(file, bytes);
  found.set(what, file);
  process.stderr.write(`${what}\n`);
}
