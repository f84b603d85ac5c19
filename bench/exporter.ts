import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EXPORTER_CORE, pin } from './cores.ts';
import type { ExportOrder } from './export-process.ts';

export interface Exporter {
  /** Whether it has a core of its own. */
  isPinned: boolean;
  /** @returns seconds */
  run(order: ExportOrder): Promise<number>;
  stop(): Promise<void>;
}

/** Starts export-process.ts. @param flags for Node, `--cpu-prof` for one */
export async function startExporter(
  chromaUrl: string,
  storeFolder: string,
  flags: string[] = [],
): Promise<Exporter> {
  const child = fork(fileURLToPath(new URL('export-process.ts', import.meta.url)), [chromaUrl, storeFolder], {
    execArgv: [...flags, '--import', fileURLToPath(new URL('../local/sql-loader.ts', import.meta.url))],
  });
  const exit = once(child, 'exit');
  return {
    isPinned: await pin(child.pid as number, EXPORTER_CORE),
    async run(order) {
      child.send(order);
      const [answer] = await Promise.race([
        once(child, 'message'),
        exit.then(([code]) => Promise.reject(new Error(`The exporter ended (${code}).`))),
      ]);
      return answer as number;
    },
    async stop() {
      child.disconnect();
      await exit;
    },
  };
}
