import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { buildSync } from 'esbuild';
import { type FunctionName, HELPER_NAMES, STEP_NAMES } from './step-names.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const lambdas = join(root, 'lambdas');

/**
 * The code of a step's function: all of `lambdas/`, bundled into one asset that the functions share, in which
 * `<step>.mjs` is this step's. What the steps use of the AWS SDK (S3) is part of it:
 * what was tested is what runs, and it starts sooner than the runtime's own, which is loaded file by file.
 *
 * One bundle with common chunks takes esbuild 0.4 s and is 1.6 MB; twelve of their own take 2.8 s, are 18 MB, and
 * each is staged and uploaded by itself. A function still loads only the chunks that its step imports.
 */
export function stepCode(scope: Construct, step: FunctionName): { code: lambda.Code; handler: string } {
  return { code: bundledCode(scope), handler: `${step}.handler` };
}

function bundledCode(scope: Construct): lambda.Code {
  // A stack that CDK is told not to bundle (context `aws:cdk:bundling-stacks`) is looked at, never deployed.
  if (!Stack.of(scope).bundlingRequired) return lambda.Code.fromInline('exports.handler = () => {};');
  return lambda.Code.fromAsset(lambdas, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Asked for by the interface and never started, since the local way always works.
      image: DockerImage.fromRegistry('none'),
      local: {
        tryBundle(folder) {
          bundle(folder);
          return true;
        },
      },
    },
  });
}

function bundle(folder: string): void {
  // Not written by esbuild, since the paths in source maps are relative to `outdir`: with the folder that CDK
  // makes up for each synthesis, the asset's hash would change and every function would be deployed anew.
  const outdir = join(root, 'dist', 'lambdas');
  const { outputFiles } = buildSync({
    entryPoints: [...STEP_NAMES, ...HELPER_NAMES].map((step) => join(lambdas, `${step}.ts`)),
    absWorkingDir: root,
    outdir,
    write: false,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    mainFields: ['module', 'main'],
    minify: true,
    sourcemap: 'linked',
    // A stack trace shows names and lines; the sources themselves would be most of the upload.
    sourcesContent: false,
    loader: { '.sql': 'text' },
    alias: { 'cls-hooked/context': join(lambdas, 'one-context.ts') },
    // CommonJS packages call require for Node's own modules, which an ES module does not have.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    external: [
      // A native binding that `pg` looks for and does without.
      'pg-native',
      // Lambda's runtime has them; the functions that use them do so once, where a cold start does not matter.
      '@aws-sdk/client-ec2',
      '@aws-sdk/client-lambda',
      '@aws-sdk/client-rds',
      '@aws-sdk/client-secrets-manager',
      '@aws-sdk/client-sns',
    ],
    logLevel: 'warning',
  });
  for (const { path, contents } of outputFiles) writeFileSync(join(folder, relative(outdir, path)), contents);
}
