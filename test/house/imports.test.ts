/** Which room may know which: `src` ← `lambdas` ← `lib`; `src`, `lambdas` ← `local` ← `bin`. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Import {
  from: string;
  /** A path from the root for a file of the house, a package's name otherwise. */
  to: string;
  onlyTypes: boolean;
}

const imports = globSync('{src,lambdas,lib,local,bin}/**/*.{ts,js}', { cwd: root }).flatMap(importsOf);

/** What a room's files may import from other rooms. */
const ROOMS: Record<string, RegExp> = {
  src: /^(src|sql)\//,
  lambdas: /^(lambdas|src)\//,
  lib: /^(lib|src)\//,
  local: /^(local|lambdas|src|sql)\//,
  bin: /^(bin|local|src|package\.json)/,
};

describe('imports', () => {
  for (const [room, allowed] of Object.entries(ROOMS)) {
    it(`of ${room} go one way only`, () => {
      const wrong = inRoom(room).filter((one) => isOfHouse(one.to) && !allowed.test(one.to) && !isDoor(one));
      assert.deepEqual(wrong, []);
    });
  }

  it('of lib take types and error names from src, and nothing that runs', () => {
    const running = inRoom('lib').filter(({ to, onlyTypes }) => to.startsWith('src/') && !onlyTypes);
    assert.deepEqual(
      running.filter(({ to }) => to !== 'src/errors.ts'),
      [],
    );
  });

  it('of the engine know neither the CDK, nor the Lambda runtime, nor the environment', () => {
    const known = /^(aws-cdk-lib|constructs|aws-lambda|@aws-lambda-powertools)\b/;
    assert.deepEqual(
      inRoom('src').filter(({ to }) => known.test(to)),
      [],
    );
    for (const file of globSync('src/**/*.ts', { cwd: root }))
      assert.doesNotMatch(withoutComments(readFileSync(join(root, file), 'utf8')), /\bprocess\.env\b/, file);
  });

  it('of a handler read the environment in lambdas/runtime.ts alone', () => {
    for (const file of globSync('lambdas/**/*.ts', { cwd: root }))
      if (file !== join('lambdas', 'runtime.ts'))
        assert.doesNotMatch(
          withoutComments(readFileSync(join(root, file), 'utf8')),
          /\bprocess\.env\b/,
          file,
        );
  });

  it('reach from local to lib through one file', () => {
    const doors = new Set(
      inRoom('local')
        .filter(({ to }) => to.startsWith('lib/'))
        .map(({ from }) => from),
    );
    assert.deepEqual([...doors], ['local/build.ts']);
  });

  it('are found at all: static, dynamic and re-exported', () => {
    assert.ok(imports.some(({ from, to }) => from === 'bin/app.ts' && to === 'lib/app.ts'));
    assert.ok(imports.some(({ from, to }) => from === 'local/build.ts' && to === 'lib/app.ts'));
  });
});

const inRoom = (room: string) => imports.filter(({ from }) => from.startsWith(`${room}/`));
const isOfHouse = (path: string) =>
  path.includes('/') && /^(src|lambdas|lib|local|bin|sql|test|bench)\//.test(path);
/** The CDK app is where lib is opened from outside, and the build is where local opens it. */
const isDoor = ({ from, to }: Import) => /^(bin\/app|local\/build)\.ts$/.test(from) && to === 'lib/app.ts';

function importsOf(file: string): Import[] {
  const text = withoutComments(readFileSync(join(root, file), 'utf8'));
  const statements = text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm,
  );
  return Array.from(statements, ([, type, statically, dynamically]) => {
    const specifier = (statically ?? dynamically)!;
    const to = specifier.startsWith('.') ? relative(root, join(root, dirname(file), specifier)) : specifier;
    return { from: file, to, onlyTypes: type !== undefined };
  });
}

function withoutComments(text: string): string {
  return text.replace(/^\s*(\/\/|\/?\*).*$/gm, '');
}
