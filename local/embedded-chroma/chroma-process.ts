/**
 * The embedded Chroma server, as a process of its own: see `start.ts`. Chroma's command keeps the main thread for
 * as long as the server runs, so a second thread watches whether the parent still lives.
 */
import { Socket } from 'node:net';
import { pathToFileURL } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';

/** A pipe whose other end only the parent holds. */
const PARENT = 3;

if (isMainThread) {
  const watch = new Worker(new URL(import.meta.url));
  await new Promise((resolve) => watch.once('online', resolve));
  watch.unref();
  // Chroma's script reads its command behind its own name.
  process.argv.splice(1, 1);
  await import(pathToFileURL(process.argv[1] as string).href);
} else {
  // Chroma's data survive it: they lie in SQLite.
  const end = () => process.kill(process.pid, 'SIGKILL');
  new Socket({ fd: PARENT }).on('end', end).on('error', end).resume();
}
