import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DockerImage, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { AssetHashType } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { buildSync, type OutputFile } from 'esbuild';
import { STEP_NAMES, type StepName } from './step-names.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
// Nothing is written here: it is the place that the paths in source maps are relative to, so that a bundle's
// hash is the same whatever folder CDK gathers it in.
const outdir = join(root, 'dist', 'lambdas');

/**
 * The code of a step's function: `lambdas/<step>.ts` bundled to one `index.mjs` with its source map. The AWS SDK
 * is part of it, so what was tested is what runs. A stack that CDK is told not to bundle gets an empty handler.
 */
export function stepCode(scope: Construct, step: StepName): lambda.Code {
  if (!Stack.of(scope).bundlingRequired) return lambda.Code.fromInline('exports.handler = () => {};');
  return lambda.Code.fromAsset(join(root, 'lambdas'), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Never started: the bundle is made by esbuild, in this process's own child.
      image: DockerImage.fromRegistry('none'),
      local: {
        tryBundle(folder) {
          writeBundle(step, folder);
          return true;
        },
      },
    },
  });
}

function writeBundle(step: StepName, folder: string): void {
  bundles ??= bundleAll();
  for (const file of bundles) {
    const [of, ...rest] = relative(outdir, file.path).split(/[\\/]/);
    if (of !== step) continue;
    const path = join(folder, ...rest);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.contents);
  }
}

// One run of esbuild for all steps reads and parses each source once and uses all cores; a run for each step, as
// NodejsFunction has it, takes about a second each.
let bundles: OutputFile[] | undefined;

function bundleAll(): OutputFile[] {
  return buildSync({
    entryPoints: STEP_NAMES.map((step) => ({
      in: join(root, 'lambdas', `${step}.ts`),
      out: `${step}/index`,
    })),
    absWorkingDir: root,
    outdir,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    mainFields: ['module', 'main'],
    minify: true,
    sourcemap: 'linked',
    // Names and lines are what a stack trace shows; the sources themselves would make up most of the upload.
    sourcesContent: false,
    loader: { '.sql': 'text' },
    // CommonJS packages call require for Node's own modules, which an ES module does not have.
    banner: {
      js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
    },
    // A native binding that `pg` looks for and does without.
    external: ['pg-native'],
    logLevel: 'warning',
  }).outputFiles;
}
