import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../bin/chroma-to-pgvector.js', import.meta.url));

/** Starts a program on this Node, as somebody types it. Its errors are shown, its output can be read. */
export const startNode = (file: string, args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });

export const startProduct = (args: readonly string[]): ChildProcess => startNode(PROGRAM, args);

/** Waits until it has ended well. @returns what it printed */
export async function outputOf(child: ChildProcess): Promise<string> {
  return (await outputWithin(child, 24 * 60 * 60)).printed;
}

/** Waits until it has ended well, or ends it. @returns what it printed until then */
export async function outputWithin(
  child: ChildProcess,
  seconds: number,
): Promise<{ printed: string; inTime: boolean }> {
  const pieces: Buffer[] = [];
  child.stdout?.on('data', (piece: Buffer) => pieces.push(piece));
  let inTime = true;
  const patience = setTimeout(() => {
    inTime = false;
    child.kill('SIGKILL');
  }, 1000 * seconds);
  const [code, signal] = await once(child, 'close');
  clearTimeout(patience);
  if (inTime && code !== 0) throw new Error(`${child.spawnargs[1]} ended with ${signal ?? code}`);
  return { printed: Buffer.concat(pieces).toString('utf8'), inTime };
}
