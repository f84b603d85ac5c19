import { totalmem } from 'node:os';

/** A database on this machine has this machine's memory; of another nothing is known. @param target its address */
export function localMemory(target: string): { instanceMemoryBytes?: number } {
  const host = new URL(target).hostname;
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host) ? { instanceMemoryBytes: totalmem() } : {};
}
