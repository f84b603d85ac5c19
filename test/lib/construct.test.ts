/** The construct in somebody else's app, which has compiled JavaScript of it and none of this checkout's context. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { build } from 'esbuild';
import { ChromaToPgvector } from '../../lib/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { definitionOf, statesOf } from './synthesize.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const APP = `
import { App, Stack } from 'aws-cdk-lib';
import { ChromaToPgvector } from 'chroma-to-pgvector';
const app = new App({ outdir: 'cdk.out' });
const stack = new Stack(app, 'Search');
const migration = new ChromaToPgvector(stack, 'Migration', { chromaUrl: 'https://chroma.test', storageGib: 250 });
migration.stateMachine.metricFailed();
app.synth();
`;

describe('an app of somebody else', () => {
  let folder: string;
  before(async () => {
    folder = await temporaryFolder('their-app-');
    const own = join(folder, 'node_modules', 'chroma-to-pgvector');
    mkdirSync(join(own, 'dist'), { recursive: true });
    writeFileSync(
      join(own, 'package.json'),
      JSON.stringify({ name: 'chroma-to-pgvector', type: 'module', exports: './dist/index.js' }),
    );
    await build({
      entryPoints: [join(root, 'lib/index.ts')],
      outfile: join(own, 'dist/index.js'),
      ...{ bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'warning' },
    });
    for (const room of ['lambdas', 'src', 'sql']) symlinkSync(join(root, room), join(own, room));
    for (const name of ['aws-cdk-lib', 'constructs', 'esbuild', 'zod', 'yaml'])
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    writeFileSync(join(folder, 'app.mjs'), APP);
    execFileSync(process.execPath, ['app.mjs'], { cwd: folder, env: {}, stdio: 'pipe' });
  });

  it('synthesizes with the code of every function, offline', () => {
    const assets = readdirSync(join(folder, 'cdk.out')).filter((name) => name.startsWith('asset.'));
    const code = assets.find((name) => existsSync(join(folder, 'cdk.out', name, 'import-shard.mjs')));
    assert.ok(code, assets.join());
    const text = readFileSync(join(folder, 'cdk.out', 'Search.template.json'), 'utf8');
    const template = Template.fromJSON(JSON.parse(text));
    template.hasResourceProperties('AWS::RDS::DBInstance', { AllocatedStorage: '250' });
  });

  it("keeps the maps' results in the store, though its cdk.json does not have the flag for that", () => {
    const text = readFileSync(join(folder, 'cdk.out', 'Search.template.json'), 'utf8');
    const states = statesOf(definitionOf(Template.fromJSON(JSON.parse(text))));
    const distributed = states.filter(
      ({ json }) => json.ItemProcessor?.ProcessorConfig.Mode === 'DISTRIBUTED',
    );
    assert.equal(distributed.length, 4);
    for (const { name, json } of distributed) assert.ok(json.ResultWriter, name);
  });
});

describe('the construct', () => {
  const stack = () => new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Theirs');

  it('names all mistakes of its properties at once', () => {
    assert.throws(
      () => new ChromaToPgvector(stack(), 'M', { chromaUrl: 'chroma', storageGib: 1 }),
      /chromaUrl = "chroma"[\s\S]*storageGib = 1/,
    );
  });

  it('takes no notice of the context of the app around it', () => {
    const app = new App({ context: { 'aws:cdk:bundling-stacks': [], multiAz: true, storageGib: 1 } });
    const theirs = new Stack(app, 'Theirs');
    new ChromaToPgvector(theirs, 'M', { chromaUrl: 'https://chroma.test' });
    Template.fromStack(theirs).hasResourceProperties('AWS::RDS::DBInstance', { MultiAZ: false });
  });

  it('hands out what another construct may want to use', () => {
    const theirs = stack();
    const migration = new ChromaToPgvector(theirs, 'M', { chromaUrl: 'https://chroma.test' });
    for (const part of [migration.stateMachine, migration.bucket, migration.topic, migration.dashboard])
      assert.equal(Stack.of(part), theirs);
    assert.ok(migration.database.host);
    Template.fromStack(theirs).hasResourceProperties('AWS::StepFunctions::StateMachine', {
      StateMachineType: Match.exact('STANDARD'),
    });
  });
});
