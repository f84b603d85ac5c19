import { readFileSync } from 'node:fs';

/** Milliseconds between two looks: at 1 GB/s a function gets 200 MB past its limit before it is seen. */
const INTERVAL = 200;

/**
 * Calls back, once, when a process's resident memory exceeds `limitMb`. Where there is no /proc nothing is seen,
 * and V8's own limit is all there is.
 * @returns what ends the watch
 */
export function watchMemory(pid: number, limitMb: number, exceeded: () => void): () => void {
  const timer = setInterval(() => {
    const residentMb = readResidentMb(pid);
    if (residentMb === null || residentMb <= limitMb) return;
    clearInterval(timer);
    exceeded();
  }, INTERVAL);
  timer.unref();
  return () => clearInterval(timer);
}

/** Null if the system does not say. */
function readResidentMb(pid: number): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) / 1024;
  } catch {
    return null;
  }
}
