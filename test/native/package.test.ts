/** The package as `npm pack` makes it: what is needed and no more, for the command line and for somebody's CDK app. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
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
  before(async () => {
    folder = await temporaryFolder('package-');
    execFileSync('npm', ['pack', '--pack-destination', folder], { cwd: root, stdio: 'pipe' });
    execFileSync('tar', ['-xzf', globSync('*.tgz', { cwd: folder })[0]!], { cwd: folder });
    // As npm would lay it out, without asking a registry.
    const modules = join(folder, 'app', 'node_modules');
    mkdirSync(modules, { recursive: true });
    for (const name of readdirSync(join(root, 'node_modules')))
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
    own = join(modules, 'chroma-to-pgvector');
    execFileSync('mv', [join(folder, 'package'), own]);
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

  it('runs in an empty folder', () => {
    const said = execFileSync(process.execPath, [join(own, 'bin/chroma-to-pgvector.js'), '--help'], {
      cwd: join(folder, 'app'),
    });
    assert.match(String(said), /Commands\n {2}demo/);
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
