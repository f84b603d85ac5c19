/** Makes what only the published package needs: the construct as JavaScript, and its types. `npm pack` calls it. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

await build({
  entryPoints: [join(root, 'lib/index.ts')],
  // The construct finds the handlers that it bundles from here: ../lambdas.
  outfile: join(root, 'dist/index.js'),
  ...{ bundle: true, platform: 'node', format: 'esm', packages: 'external', logLevel: 'warning' },
});
rmSync(join(root, 'dist/types'), { recursive: true, force: true });
const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
execFileSync(process.execPath, [join(compiler, '../bin/tsc'), '-p', join(root, 'tsconfig.types.json')], {
  stdio: 'inherit',
});
