import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { secondsOf } from './in-turns.ts';
import type { Setting } from './setting.ts';
import type { ShardOrder } from './shard-process.ts';

/** A process that moves shards. */
export interface ShardWorker {
  pid: number;
  /** @returns seconds */
  run(order: ShardOrder): Promise<number>;
  stop(): Promise<void>;
}

/** Gives each of the workers its order at the same time. @returns seconds until the last is done */
export function runTogether(workers: readonly ShardWorker[], orders: readonly ShardOrder[]): Promise<number> {
  return secondsOf(() => Promise.all(orders.map((order, place) => workers[place]!.run(order))));
}

/** Starts shard-process.ts. */
export function startShardWorker({ chromaServer, postgres, store }: Setting): ShardWorker {
  const child = fork(
    fileURLToPath(new URL('shard-process.ts', import.meta.url)),
    [chromaServer.url, postgres.url, store.url],
    { execArgv: ['--import', fileURLToPath(new URL('../local/sql-loader.ts', import.meta.url))] },
  );
  const exit = once(child, 'exit');
  return {
    pid: child.pid as number,
    async run(order) {
      child.send(order);
      const [seconds] = await Promise.race([
        once(child, 'message'),
        exit.then(([code]) => Promise.reject(new Error(`The shard's process ended (${code}).`))),
      ]);
      return seconds as number;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exit;
    },
  };
}
