import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { whyNot } from './why-not.ts';

/** The native part is hundreds of megabytes: on a cold disk it takes its time. */
const START_MILLISECONDS = 60_000;
const STOP_MILLISECONDS = 5_000;
/** Somebody else may take a free port before Chroma does. */
const PORTS_TRIED = 3;

export interface EmbeddedChroma {
  url: string;
  pid: number;
  /** Release of the server, as `chroma --version` says it: the API answers 1.0.0 whatever it is. */
  version: string;
  stop(): Promise<void>;
}

/**
 * Starts the Chroma server that comes with npm's `chromadb`, in a process of its own that ends with this one, on
 * 127.0.0.1. Server 1.0.0 takes at most 5,461 records a request (`max_batch_size` of /api/v2/pre-flight-checks).
 *
 * @param settings.folder where the data are kept
 * @param settings.port a free one by default
 * @throws SourceUnavailable if it cannot run on this machine
 */
export async function startEmbeddedChroma(settings: {
  folder: string;
  port?: number;
}): Promise<EmbeddedChroma> {
  await mkdir(settings.folder, { recursive: true });
  for (let tried = 1; ; tried++) {
    // Another server on the port would answer in the place of this one.
    const port = await freePort(settings.port);
    const server = spawnServer(settings.folder, port);
    const [said, version] = await Promise.all([untilReady(server, port), readVersion()]);
    if (said === null)
      return {
        url: `http://127.0.0.1:${port}`,
        pid: server.pid as number,
        version,
        stop: () => stop(server),
      };
    await stop(server);
    const isTaken = /address already in use|not available|os error 98/i.test(said);
    if (!isTaken || settings.port !== undefined || tried === PORTS_TRIED) throw whyNot(said);
  }
}

function spawnServer(folder: string, port: number): ChildProcess {
  const command = ['run', '--path', folder, '--host', '127.0.0.1', '--port', String(port)];
  // A session of its own, so that Ctrl-C on the terminal does not reach it.
  const server = spawn(process.execPath, [ownScript(), chromaScript(), ...command], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  // Whoever forgets to stop it can end nevertheless; the server ends then too.
  server.unref();
  (server.stderr as Socket).unref();
  (server.stdio[3] as Socket).on('error', () => undefined).unref();
  return server;
}

/** @returns null when the server answers; what it said last if it does not */
async function untilReady(server: ChildProcess, port: number): Promise<string | null> {
  let said = '';
  server.stderr?.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-10_000);
  });
  const deadline = performance.now() + START_MILLISECONDS;
  while (performance.now() < deadline) {
    if (isOver(server)) return said || `exit code ${server.exitCode ?? server.signalCode}`;
    const isReady = await fetch(`http://127.0.0.1:${port}/api/v2/heartbeat`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady && !isOver(server)) return null;
    await sleep(25);
  }
  return `no answer within ${START_MILLISECONDS / 1000} s`;
}

async function stop(server: ChildProcess): Promise<void> {
  if (isOver(server)) return;
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  const patience = setTimeout(() => server.kill('SIGKILL'), STOP_MILLISECONDS);
  await ended;
  clearTimeout(patience);
}

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** `chroma 1.0.0` */
async function readVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [chromaScript(), '--version']).catch(() => ({
    stdout: '',
  }));
  return stdout.trim().split(' ').at(-1) || 'unknown';
}

/** @param wanted any by default */
async function freePort(wanted = 0): Promise<number> {
  const server = createServer().listen(wanted, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw whyNot((cause as Error).message);
  }
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** The script behind chromadb's command `chroma`; the package does not export it. */
const chromaScript = (): string => fileURLToPath(new URL('./cli.mjs', import.meta.resolve('chromadb')));

/** Bundled, the processes lie side by side; unbuilt, this one lies here. */
const ownScript = (): string =>
  fileURLToPath(
    new URL(`./chroma-process${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
  );
