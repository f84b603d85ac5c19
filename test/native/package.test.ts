/** The package as `npm pack` makes it: what is needed and no more, for the command line and for somebody's CDK app. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startTestChroma } from '../fixtures/chroma.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { startTestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What npm installs for an app alone: the package's optional peers. */
const PEERS = ['aws-cdk-lib', 'constructs'];
const CONSUMER = `
import { App, Stack } from 'aws-cdk-lib';
import { ChromaToPgvector } from 'chroma-to-pgvector';
const migration = new ChromaToPgvector(new Stack(new App(), 'S'), 'M', { chromaUrl: 'https://chroma.test', storageGib: 250 });
export const machine: string = migration.stateMachine.stateMachineArn;
// @ts-expect-error: a setting that does not exist
new ChromaToPgvector(new Stack(new App(), 'S'), 'M', { chromaUrl: 'https://chroma.test', storageGigabytes: 250 });
`;

describe('the package', () => {
  let folder: string;
  let own: string;
  let alone: string;
  before(async () => {
    folder = await temporaryFolder('package-');
    execFileSync('npm', ['pack', '--pack-destination', folder], { cwd: root, stdio: 'pipe' });
    execFileSync('tar', ['-xzf', globSync('*.tgz', { cwd: folder })[0]!], { cwd: folder });
    // As npm would lay it out, without asking a registry.
    const modules = join(folder, 'app', 'node_modules');
    mkdirSync(modules, { recursive: true });
    own = join(modules, 'chroma-to-pgvector');
    alone = join(folder, 'alone', 'node_modules', 'chroma-to-pgvector');
    mkdirSync(join(alone, '..'), { recursive: true });
    cpSync(join(folder, 'package'), alone, { recursive: true });
    execFileSync('mv', [join(folder, 'package'), own]);
    for (const name of readdirSync(join(root, 'node_modules'))) {
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
      if (!PEERS.includes(name)) symlinkSync(join(root, 'node_modules', name), join(alone, '..', name));
    }
  });

  it('holds neither tests nor what is only built with', () => {
    const rooms = readdirSync(own).sort();
    const needed = [
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'dist',
      'docs',
      'lambdas',
      'lib',
      'package.json',
      'sql',
      'src',
    ];
    assert.deepEqual(rooms, needed);
    assert.deepEqual(globSync('**/*.test.*', { cwd: own, exclude: ['node_modules'] }), []);
  });

  it('leaves the CDK to the app that it is part of, so that there are never two of it', () => {
    const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
      readFileSync(join(own, 'package.json'), 'utf8'),
    );
    for (const name of PEERS) {
      assert.ok(peerDependencies[name], name);
      assert.ok(peerDependenciesMeta[name].optional, name);
      assert.equal(dependencies[name], undefined, name);
    }
  });

  it('migrates in an empty folder, where nobody has installed the CDK', async () => {
    const command = (...args: string[]) =>
      promisify(execFile)(process.execPath, [join(alone, 'bin/chroma-to-pgvector.js'), ...args], {
        cwd: join(alone, '../..'),
      });
    assert.match((await command('--help')).stdout, /Commands\n {2}demo/);
    const [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    try {
      await fillCollection(chroma.url, { name: 'docs', dimension: 8, records: 20 });
      const places = ['--source', chroma.url, '--target', postgres.url, '--store', join(folder, 'store')];
      const { stdout } = await command('migrate', ...places, '--json');
      const { status, collections } = JSON.parse(stdout);
      assert.deepEqual([status, collections[0].loaded], ['succeeded', 20]);
    } finally {
      await Promise.all([chroma.stop(), postgres.stop()]);
    }
  });

  it('has types with which somebody else’s app compiles, and that know a wrong setting', () => {
    const app = join(folder, 'app');
    writeFileSync(join(app, 'app.ts'), CONSUMER);
    writeFileSync(join(app, 'package.json'), '{"type": "module"}');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--skipLibCheck', '--types', 'node'];
    execFileSync(join(root, 'node_modules/.bin/tsc'), [...options, 'app.ts'], { cwd: app, stdio: 'pipe' });
  });

  it('synthesizes there', () => {
    const app = join(folder, 'app');
    writeFileSync(
      join(app, 'app.mjs'),
      CONSUMER.replace(/export[\s\S]*/, '').replace('new App()', "new App({ outdir: 'cdk.out' })") +
        'migration.node.root.synth();\n',
    );
    execFileSync(process.execPath, ['app.mjs'], { cwd: app, env: {}, stdio: 'pipe' });
    assert.ok(readdirSync(join(app, 'cdk.out')).includes('S.template.json'));
  });
});
