/**
 * Makes what runs: the cloud assembly as `cdk deploy` would upload it, and the command line. Everything lands in
 * `dist/`, and a second call does nothing while the sources are the same.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { glob, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const stamp = join(dist, 'build.json');
const SOURCES = ['{bin,lib,lambdas,src,sql,local}/**/*.{ts,sql,js}', 'package-lock.json'];

export interface Build {
  /** Folder of the synthesized cloud assembly, the functions' bundles included. */
  assembly: string;
  /** The bundled command line. */
  cli: string;
  /** False if the sources were those of the last build and nothing was done. */
  built: boolean;
  seconds: number;
}

/** Synthesizes and bundles if a source has changed since the last time. Calls at the same time wait for one another. */
export async function buildAll(): Promise<Build> {
  const started = performance.now();
  const unlock = await lock(join(dist, 'build.lock'));
  try {
    const hash = await hashSources();
    const stale = (await lastHash()) !== hash;
    if (stale) {
      await rm(stamp, { force: true });
      await bundleCommands();
      await synthesize(join(dist, 'assembly'));
      await writeFile(stamp, JSON.stringify({ hash }));
    }
    const seconds = (performance.now() - started) / 1000;
    return { assembly: join(dist, 'assembly'), cli: join(dist, 'cli.js'), built: stale, seconds };
  } finally {
    await unlock();
  }
}

async function synthesize(folder: string): Promise<void> {
  const fresh = `${folder}.new`;
  await rm(fresh, { recursive: true, force: true });
  // Loaded only here: the CDK takes most of a second, which a run with nothing to build should not wait for.
  const { createApp } = await import('../lib/app.ts');
  createApp({
    outdir: fresh,
    context: {
      // Each resource with its path and each function with its folder, as the CDK command line asks for them too.
      'aws:cdk:enable-path-metadata': true,
      'aws:cdk:enable-asset-metadata': true,
    },
    // CloudFormation's schemas and the tree are for those who deploy: `cdk synth` has both, for two seconds more.
    builtinCloudFormationValidation: false,
    treeMetadata: false,
  }).synth();
  await rm(folder, { recursive: true, force: true });
  await rename(fresh, folder);
}

/**
 * `bin/cli.ts` and every `local/…/*-process.ts`, which is started as a process of its own. They lie side by side
 * in `dist/`, so a bundle finds such a neighbour as `./<name>.js` of its own URL.
 */
async function bundleCommands(): Promise<void> {
  const processes = await find('local/**/*-process.ts');
  const entries = ['bin/cli.ts', ...processes].filter((path) => existsSync(join(root, path)));
  // Loaded only where there is something to build.
  const { build } = await import('esbuild');
  const { metafile } = await build({
    entryPoints: entries.map((path) => ({ in: join(root, path), out: basename(path, '.ts') })),
    absWorkingDir: root,
    outdir: dist,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // What a command loads only where it needs it (the S3 SDK, for one) stays in files of its own.
    splitting: true,
    sourcemap: 'linked',
    sourcesContent: false,
    loader: { '.sql': 'text' },
    // CommonJS packages call require for Node's own modules, which an ES module does not have.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    external: await outside(),
    metafile: true,
    logLevel: 'warning',
  });
  await removeOthers(Object.keys(metafile.outputs).map((path) => basename(path)));
}

/**
 * Packages that the command line has in its own bundle: they are in each of its commands, and loading them file by file
 * (300 of its 540) was a third of its start.
 */
const INLINED = ['p-map', 'pg', 'pg-copy-streams', 'undici', 'yaml', 'zod'];

/** The package's other dependencies, and a native binding that `pg` looks for and does without. */
async function outside(): Promise<string[]> {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const others = Object.keys(dependencies).filter((name) => !INLINED.includes(name));
  return ['pg-native', ...others.flatMap((name) => [name, `${name}/*`])];
}

/** What an earlier build made and this one did not: shared parts have their contents' hash in their names. */
async function removeOthers(made: readonly string[]): Promise<void> {
  for await (const name of glob('*.js{,.map}', { cwd: dist }))
    if (!made.includes(name)) await rm(join(dist, name));
}

async function hashSources(): Promise<string> {
  const paths = await find(SOURCES);
  const hash = createHash('sha256');
  for (const path of paths)
    hash
      .update(`${path}\0`)
      .update(await readFile(join(root, path)))
      .update('\0');
  return hash.digest('hex');
}

async function find(patterns: string | string[]): Promise<string[]> {
  const paths: string[] = [];
  for await (const path of glob(patterns, { cwd: root })) paths.push(path);
  return paths.sort();
}

/** Hash of the sources that `dist/` was made from; null if it is not whole. */
async function lastHash(): Promise<string | null> {
  if (!existsSync(stamp)) return null;
  return (JSON.parse(await readFile(stamp, 'utf8')) as { hash: string }).hash;
}

/** Takes the lock, a file that holds the owner's process id, and returns what gives it back. */
async function lock(file: string): Promise<() => Promise<void>> {
  await mkdir(dist, { recursive: true });
  while (true) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = await readFile(file, 'utf8').catch(() => '');
    // Who was killed while it built cannot give the lock back.
    if (owner !== '' && !isRunning(Number(owner))) await rm(file, { force: true });
    else await sleep(100);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

if (import.meta.main) {
  const { built, seconds } = await buildAll();
  if (built) console.error(`Built in ${seconds.toFixed(1)} s`);
}
