/** The commands and statements of the documents, typed line by line against real servers, with --json beside. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { chdir } from 'node:process';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type FauxqsServer, startFauxqs } from 'fauxqs';
import pg from 'pg';
import { commands } from '../../local/commands/all.ts';
import { failureOutput } from '../../local/output/schemas.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { ClusteredVectors } from '../fixtures/clustered-vectors.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { commandLines, sqlStatements, wordsOf } from '../fixtures/documents.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { holdServerSettings, startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const DIMENSION = 16;
/** Whose commands are run here, in this order, over one database and in one folder. */
const RUN_HERE = ['README.md', 'docs/quick-start.md', 'docs/operating.md', 'docs/certificate.md'];

/** Other commands, and who runs them. Nothing else may be left out. */
const ELSEWHERE: readonly (readonly [RegExp, by: string])[] = [
  [/^npx chroma-to-pgvector (start|watch|status|redrive|report)\b/, 'test/native/aws-commands.test.ts'],
  // Columns of sparse vectors, of a source that hands some out.
  [/^npx chroma-to-pgvector .* --sparse-column /, 'test/native/sparse-columns.test.ts'],
  // The README's two lines themselves, and what a landing runs besides.
  [/^npm (ci|test)$/, '.ci/run'],
  [/^(\.ci\/|npm run (check|test:native|test:versions|test:browser)$)/, '.ci/run'],
  [/^npm start$/, 'test/embedded/demo.test.ts'],
  // The first goes on for hours: a landing runs it with a hundred faults. The second is of a failure that is no more.
  [/^npm run faults -- --(count|seed) /, '.ci/run'],
  // Takes an hour and writes the README's figures; its measurements are tested in short.
  [/^npm run bench( -- --only \w+)?$/, 'bench/run.ts'],
  // Only an account has these; the template that they deploy is synthesized and checked.
  [/^npx cdk (bootstrap|deploy|destroy)\b/, 'test/lib/stack.test.ts'],
  [/^(aws |export STACK=|output\(\) )/, 'docs/aws-acceptance.md'],
];

const textOf = (document: string) => readFileSync(join(root, document), 'utf8');
const runsElsewhere = (line: string) => ELSEWHERE.find(([pattern]) => pattern.test(line))?.[1];

describe('the commands of the documents', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let s3: FauxqsServer;
  let client: pg.Client;

  before(async () => {
    [chroma, postgres, s3] = await Promise.all([
      startTestChroma(),
      startTestPostgres(),
      startFauxqs({ port: 0, host: '127.0.0.1', logger: false }),
    ]);
    s3.createBucket('vector-migration');
    await fillCollection(chroma.url, { name: 'docs', dimension: DIMENSION, records: 120, space: 'cosine' });
    client = new pg.Client(postgres.url);
    await client.connect();
    // They leave their store and their pictures where they are run.
    chdir(await temporaryFolder('documents-'));
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop(), s3?.stop()]);
  });

  const run = (args: readonly string[]) =>
    runCommand(args, {
      ...{ AWS_ENDPOINT_URL_S3: s3.address, AWS_REGION: 'us-east-1' },
      ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    });

  async function typed(line: string): Promise<void> {
    const args = wordsOf(line.replace(/^(npx chroma-to-pgvector|npm start --) /, ''))
      .map((word) => word.replace('http://localhost:8000', chroma.url))
      .map((word) =>
        /^postgres:\/\/(user|USER)(:PASSWORD)?@localhost(:5432)?\//.test(word) ? postgres.url : word,
      );
    // Less of the same, so that it takes a moment.
    if (args[0] === 'bench') args.push('--seconds', '1', '--queries', '5');
    const output = commands.find(({ name }) => name === args[0])?.output;
    const json = output && !args.includes('--json') ? ['--json'] : [];
    const { code, stdout, stderr } = await run([...args, ...json]);
    assert.equal(code, 0, `${line}\n${stdout}${stderr}`);
    if (output) assertPublished(output, JSON.parse(stdout));
  }

  it('are all run, here or where it is said', () => {
    for (const document of ['README.md', ...globSync('docs/*.md', { cwd: root })])
      for (const line of commandLines(textOf(document))) {
        const isRunHere = RUN_HERE.includes(document) && /^(npx chroma-to-pgvector|npm start --) /.test(line);
        const by = runsElsewhere(line);
        assert.ok(isRunHere || by !== undefined, `${document}: nothing runs ${line}`);
        if (by !== undefined) assert.ok(existsSync(join(root, by)), by);
      }
  });

  for (const document of RUN_HERE)
    it(`of ${document} do what they say, in their order`, async () => {
      if (document === 'docs/certificate.md') await certify();
      const lines = commandLines(textOf(document)).filter((line) => runsElsewhere(line) === undefined);
      assert.ok(lines.length >= 2);
      const release = lines.some((line) => / --apply\b/.test(line)) ? await holdServerSettings() : null;
      try {
        for (const line of lines) await typed(line);
      } finally {
        await release?.();
      }
      await answered(textOf(document));
    });

  for (const layout of ['flat', 'shared'])
    it(`of docs/layouts.md are answered over tables of layout ${layout}`, async () => {
      await typed(
        `migrate --source http://localhost:8000 --target postgres://user@localhost/vectors --layout ${layout}`,
      );
      const section = textOf('docs/layouts.md').split(`## ${layout}\n`)[1]?.split('\n## ')[0] as string;
      await answered(section.replaceAll('shared_384_', `shared_${DIMENSION}_`));
    });

  /** Each statement of a text finds something. */
  async function answered(text: string): Promise<void> {
    const statements = sqlStatements(text);
    for (const statement of statements)
      assert.notEqual((await client.query(withVector(statement))).rows.length, 0, statement);
  }

  /** A run whose store is where the document has it; the file is fetched from there. */
  async function certify(): Promise<void> {
    const store = 's3://vector-migration/production';
    await typed(
      `migrate --source http://localhost:8000 --target postgres://user@localhost/vectors --run nightly --store ${store}`,
    );
    const certificate = await fetchObject('production/runs/nightly/certificate.json');
    for (const file of ['certificate.json', '.chroma-to-pgvector/runs/nightly/certificate.json']) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, certificate);
    }
  }

  async function fetchObject(key: string): Promise<string> {
    const response = await fetch(`${s3.address}/vector-migration/${key}`);
    assert.ok(response.ok, key);
    return response.text();
  }

  it('print what the schema says also when they fail', async () => {
    const { code, stdout } = await run(['tune', '--target', postgres.url, '--collections', 'none', '--json']);
    assert.equal(code, 1);
    assertPublished(failureOutput, JSON.parse(stdout));
  });
});

/** The documents' `[0.1, 0.2, …]` with as many components as the collection has; its filter, with one that records have. */
const withVector = (statement: string) =>
  statement
    .replace(
      /\[0\.1, (0\.2, )?…\]/,
      `[${new ClusteredVectors({ seed: 1, dimension: DIMENSION }).at(3).join(',')}]`,
    )
    .replace(`{"lang": "en"}`, `{"language": "typescript"}`);
