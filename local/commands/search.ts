import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { RecordSource } from '../../src/chroma/record-source.ts';
import { InvalidInput } from '../../src/errors.ts';
import {
  embeddingFunctionOf,
  type Match,
  searchCollection,
  vectorOf,
} from '../../src/search/search-collection.ts';
import { type LiveCollection, liveCollections } from '../../src/tune/live-collections.ts';
import { serveSource } from '../chroma-folder.ts';
import { type Command, EXIT } from '../command-line/command.ts';
import { type Option, UsageError, type Values } from '../command-line/options.ts';
import { condition, file, flag, integer, text } from '../command-line/values.ts';
import { embedText } from '../embed-text.ts';
import { printableLines } from '../progress/progress-line.ts';
import {
  openSource,
  openTarget,
  outputOptions,
  readableSourceOptions,
  targetOptions,
} from '../source-options.ts';

const similarity: Option<number> = {
  value: 'N',
  help: "only what is more similar; the function's own default, 0.7 under cosine, if it is left out",
  parse: (given) => {
    if (!/^-?\d+(\.\d+)?$/.test(given)) throw new Error(`is '${given}' and must be a number like 0.7`);
    return Number(given);
  },
};

const options = {
  text: {
    ...text('TEXT', 'what is searched for, embedded as the collection embeds its texts'),
    positional: true,
  },
  vector: file('file with a vector, a JSON array of numbers, in the place of a text'),
  like: text('ID', 'record whose like is searched for, in the place of a text'),
  collection: text('NAME', 'collection or schema; needed where there are several'),
  limit: integer('matches; 10 by default', { min: 1, max: 10_000 }),
  minSimilarity: similarity,
  where: condition('only records whose metadata have these members'),
  compare: flag("Chroma's answer to the same vector beside it; needs --source"),
  ...{ ...readableSourceOptions, ...targetOptions },
  source: { ...readableSourceOptions.source, required: false },
  ...outputOptions,
};
type SearchValues = Values<typeof options>;

const neighbour = z.object({ id: z.string(), distance: z.number().nullable() });
const searchOutput = z.object({
  ...{ collection: z.string(), schema: z.string() },
  matches: z.array(
    z.object({
      ...{ id: z.string(), filePath: z.string().nullable(), content: z.string().nullable() },
      ...{ metadata: z.record(z.string(), z.unknown()).nullable(), similarity: z.number() },
    }),
  ),
  chroma: z.array(neighbour).nullable().describe('With --compare'),
});

export const search: Command<typeof options> = {
  name: 'search',
  summary: 'searches a migrated collection as an application would',
  description:
    "Asks the collection's search_similar for what is like a text, a vector or a record. A text is embedded by the collection's own embedding function, whose package (@chroma-core/…) must be installed.",
  options,
  examples: [
    'chroma-to-pgvector search --like record-1 --target postgres://user@localhost/vectors --collection docs --limit 5',
    'chroma-to-pgvector search --vector question.json --target postgres://user@localhost/vectors --min-similarity 0.7 --compare --source http://localhost:8000',
  ],
  output: searchOutput,
  async run(values) {
    const ways = [values.text, values.vector, values.like].filter((way) => way !== undefined);
    const mistakes =
      ways.length === 1 ? [] : ['name what is searched for: either a text, --vector FILE or --like ID'];
    if (values.compare && values.source === undefined) mistakes.push('--compare needs --source');
    if (values.compare && values.where) mistakes.push('--compare and --where cannot be had together');
    if (mistakes.length > 0) throw new UsageError(mistakes);
    const database = openTarget(values);
    const { live, vector, matches } = await database.withClient('search', async (client) => {
      const one = onlyOne(
        await liveCollections(client, database.where, values.collection ? [values.collection] : undefined),
      );
      const asked =
        values.like !== undefined
          ? await vectorOf(client, one, values.like)
          : values.vector !== undefined
            ? vectorIn(values.vector)
            : await embedText(values.text as string, one.collection, await embeddingFunctionOf(client, one));
      const { limit = 10, minSimilarity, where } = values;
      const found = await searchCollection(client, one, asked, { limit, minSimilarity, where });
      return { live: one, vector: asked, matches: found };
    });
    const chroma = values.compare ? await askChroma(values, live, vector) : null;
    if (values.json)
      process.stdout.write(
        `${JSON.stringify({ collection: live.collection, schema: live.schema, matches, chroma })}\n`,
      );
    else process.stdout.write(`${printableLines(searchText(matches, chroma))}\n`);
    return EXIT.done;
  },
};

/** @throws InvalidInput */
function onlyOne(live: LiveCollection[]): LiveCollection {
  const [one, second] = live;
  if (!one || second)
    throw new InvalidInput(
      `There are several collections (${live
        .map(({ schema }) => schema)
        .slice(0, 10)
        .join(', ')}): name one with --collection.`,
    );
  if (one.layout !== 'guide')
    throw new InvalidInput(
      `Collection "${one.collection}" has the tables of another layout (${one.layout}): search it with that library.`,
    );
  return one;
}

/** @throws InvalidInput */
function vectorIn(path: string): number[] {
  const parsed = z
    .array(z.number())
    .nonempty()
    .safeParse(parseJson(readFileSync(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new InvalidInput(`${path} holds no vector: write one JSON array of numbers, like [0.1, 0.2].`);
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

interface ChromaMatch {
  id: string;
  distance: number | null;
}

async function askChroma(
  values: SearchValues,
  live: LiveCollection,
  vector: number[],
): Promise<ChromaMatch[]> {
  const served = await serveSource(values.source as string);
  const chroma: RecordSource = openSource({ ...values, source: served.url });
  try {
    const [answer] = await chroma.nearest(live, [vector], values.limit ?? 10);
    return (answer?.ids ?? []).map((id, at) => {
      const distance = answer?.distances[at];
      return { id, distance: distance !== undefined && Number.isFinite(distance) ? distance : null };
    });
  } finally {
    await chroma.close();
    await served.stop();
  }
}

const WIDTH = 40;
const cut = (said: string, width = WIDTH) => (said.length > width ? `${said.slice(0, width - 1)}…` : said);

function searchText(matches: readonly Match[], chroma: readonly ChromaMatch[] | null): string {
  if (matches.length === 0 && !chroma?.length) return 'Nothing is as similar: lower --min-similarity.';
  const lines = matches.map(
    ({ id, similarity: near, filePath, content }) =>
      `${near.toFixed(4)}  ${cut(id).padEnd(WIDTH)}  ${chroma ? '' : cut((filePath ?? content ?? '').replaceAll(/\s+/g, ' '), 60)}`,
  );
  if (!chroma) return lines.map((line) => line.trimEnd()).join('\n');
  const rows = Array.from({ length: Math.max(lines.length, chroma.length) }, (_, at) => {
    const theirs = chroma[at];
    const right = theirs ? `${theirs.distance?.toFixed(4) ?? '–'}  ${cut(theirs.id)}` : '';
    return `${(lines[at] ?? '').padEnd(WIDTH + 10)}${right}`.trimEnd();
  });
  const same = matches.filter(({ id }) => chroma.some((one) => one.id === id)).length;
  return [
    `${'Postgres (similarity)'.padEnd(WIDTH + 10)}Chroma (distance)`,
    ...rows,
    '',
    `${same} of ${chroma.length} are the same.`,
  ].join('\n');
}
