/** What is done to a run: one entry a fault, in the words of the report. */
import type { Attempt } from './attempt.ts';
import type { ChromaMood } from './chroma-proxy.ts';
import type { Random } from './random.ts';
import type { FaultyRun } from './runner.ts';
import type { Weather } from './tcp-proxy.ts';
import type { Source, StoreHand, World } from './world.ts';

export interface Scene {
  world: World;
  source: Source;
  attempt: Attempt;
  /** The state whose visit was waited for. */
  state: string;
  random: Random;
  hand: StoreHand;
  usesS3: boolean;
  /** How long a process stands still. */
  stopMilliseconds: number;
  /** Resolves after so long, or when the attempt has ended. */
  pause(milliseconds: number): Promise<void>;
  /** Starts another execution beside this one and waits for its end. */
  rival(run: 'same' | 'another'): Promise<string>;
  /** Notes that a shard may be done again, since what it left was taken away. */
  excuse(key: string): void;
}

/** @returns what was done, or null if there was nothing to do it to */
type Strike = (scene: Scene) => Promise<string | null>;

const PROCESSES: Record<string, Strike> = {
  'SIGKILL to a function': async (scene) => signalFunction(scene, 'SIGKILL'),
  'SIGKILL to the runner': async ({ attempt }) => {
    attempt.signal('SIGKILL', 'runner');
    return 'the runner alone; its functions see it gone';
  },
  'SIGKILL to all processes': async ({ attempt }) => {
    attempt.signal('SIGKILL', 'group');
    return 'as if the power went';
  },
  'SIGKILL to the client of an index build': async (scene) =>
    signalFunction(scene, 'SIGKILL', /StartIndexBuild/),
  'SIGSTOP to a function': async (scene) => {
    const pid = functionOf(scene);
    if (pid === undefined || !send(pid, 'SIGSTOP')) return null;
    await scene.pause(scene.stopMilliseconds);
    send(pid, 'SIGCONT');
    return `${scene.stopMilliseconds} ms`;
  },
  'SIGSTOP to the runner': async ({ attempt, pause, stopMilliseconds }) => {
    attempt.signal('SIGSTOP', 'runner');
    await pause(stopMilliseconds);
    attempt.signal('SIGCONT', 'runner');
    return `${stopMilliseconds} ms`;
  },
};

const PLACES = ['Chroma', 'Postgres', 'the store'] as const;
type Place = (typeof PLACES)[number];

const NETWORK: Record<string, (place: Place) => Strike> = {
  'cut connections to': (place) => async (scene) => {
    const cut = proxyOf(scene, place)?.cut() ?? 0;
    return cut > 0 ? `${cut} connections` : null;
  },
  'no way to': (place) => async (scene) => {
    proxyOf(scene, place)?.cut();
    return weather(scene, place, { kind: 'refuse' }, scene.random.between(200, 2_000));
  },
  'delayed answers of': (place) => (scene) =>
    weather(scene, place, { kind: 'stall' }, scene.random.between(300, 2_000)),
  'a slow line to': (place) => (scene) =>
    weather(
      scene,
      place,
      { kind: 'throttle', bytesPerSecond: scene.random.between(20, 400) * 1_000 },
      scene.random.between(300, 2_000),
    ),
  'garbled bytes to or from': (place) => (scene) => {
    // 0xff is no UTF-8, no digit and no float that a vector may hold: a bit that falls otherwise is TLS' to notice.
    const bytes = Buffer.alloc(scene.random.between(4, 40), 0xff);
    const from = scene.random.pick(['client', 'server'] as const);
    return weather(scene, place, { kind: 'garble', from, bytes }, 1_000);
  },
};

const MOODS: Record<string, ChromaMood[]> = {
  '429 of Chroma': [{ kind: 'status', status: 429 }],
  '500 of Chroma': [{ kind: 'status', status: 500 }],
  '503 of Chroma': [{ kind: 'status', status: 503 }],
  'half a body of Chroma': [{ kind: 'half' }],
  'wrong JSON of Chroma': [
    { kind: 'wrong', body: '<html>Bad gateway</html>' },
    { kind: 'wrong', body: '{"ids": ["a"' },
    { kind: 'wrong', body: '{}' },
    { kind: 'wrong', body: 'null' },
    { kind: 'wrong', body: '[]' },
    {
      kind: 'wrong',
      body: '{"ids": [], "embeddings": [[1, 2]], "documents": null, "metadatas": null, "uris": null}',
    },
  ],
};

const POSTGRES: Record<string, Strike> = {
  'Postgres restarted with -m immediate': async ({ world }) => {
    await world.postgres.restart();
    return 'immediate';
  },
  'Postgres out of connections': async ({ world, pause, random }) => {
    const giveBack = await world.postgres.takeConnections();
    const milliseconds = random.between(300, 2_000);
    await pause(milliseconds);
    await giveBack();
    return `${milliseconds} ms`;
  },
  'Postgres out of disk': async ({ world, pause, random }) => {
    if (!world.postgres.disk) return null;
    const makeRoom = await world.postgres.fillDisk();
    const milliseconds = random.between(300, 2_000);
    await pause(milliseconds);
    await makeRoom();
    return `${milliseconds} ms`;
  },
  'a lock held by somebody': async ({ world, pause, random }) => {
    const { rows } = { rows: await world.postgres.query(LOCKABLE) };
    if (rows.length === 0) return null;
    const { name } = random.pick(rows);
    const milliseconds = random.between(300, 2_500);
    const client = await world.postgres.connect();
    try {
      await client.query(`set lock_timeout = '2s'; begin; lock table ${name} in access exclusive mode`);
      await pause(milliseconds);
    } catch {
      return null;
    } finally {
      await client.end().catch(() => undefined);
    }
    return `${name} for ${milliseconds} ms`;
  },
  'a statement time-out': async ({ world, pause }) => {
    // The program's sessions set it to none; what one does is done to statements under way.
    await world.postgres.query(`alter role migrator set statement_timeout = '10ms'`);
    const cancelled = await world.postgres.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where usename = 'migrator' and state = 'active'`,
    );
    await pause(500);
    await world.postgres.query('alter role migrator reset statement_timeout');
    return `${cancelled.length} statements cancelled`;
  },
  'connections ended by an administrator': async ({ world }) => {
    const ended = await world.postgres.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'migrator'`,
    );
    return ended.length > 0 ? `${ended.length} backends` : null;
  },
  'Postgres read-only': async ({ world, pause, random }) => {
    await world.postgres.query('alter database faults set default_transaction_read_only = on');
    const milliseconds = random.between(300, 2_000);
    await pause(milliseconds);
    await world.postgres.query('alter database faults reset default_transaction_read_only');
    return `${milliseconds} ms`;
  },
};

const LOCKABLE = `select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and (n.nspname = 'chroma_migration' or n.nspname ~ '^(docs|notes)')`;

const STORE: Record<string, Strike> = {
  'an object of the store missing': (scene) => damage(scene, async (key) => scene.hand.remove(key)),
  'an object of the store cut off': (scene) =>
    damage(scene, async (key, bytes) =>
      scene.hand.write(key, bytes.subarray(0, scene.random.between(0, Math.max(0, bytes.length - 1)))),
    ),
  'a bit of an object flipped': (scene) =>
    damage(scene, async (key, bytes) => {
      if (bytes.length === 0) return;
      bytes[scene.random.between(0, bytes.length - 1)]! ^= 1 << scene.random.between(0, 7);
      await scene.hand.write(key, bytes);
    }),
};

const RUNS: Record<string, Strike> = {
  'a second run on the same target': ({ rival }) => rival('another'),
  'the same run started twice': ({ rival }) => rival('same'),
};

/** Everything that can strike at a moment. */
export const STRIKES: Record<string, Strike> = {
  ...PROCESSES,
  ...Object.fromEntries(
    Object.entries(NETWORK).flatMap(([what, strike]) =>
      PLACES.map((place) => [`${what} ${place}`, strike(place)]),
    ),
  ),
  ...Object.fromEntries(
    Object.entries(MOODS).map(([what, moods]) => [
      what,
      (scene: Scene) => mood(scene, scene.random.pick(moods)),
    ]),
  ),
  'an error of Chroma for one record only': (scene) =>
    mood(scene, { kind: 'one-record', offset: scene.random.between(0, 849) }),
  ...POSTGRES,
  ...STORE,
  ...RUNS,
};

/** Whether there is something here that it can strike. */
export const isPossible = (fault: string, world: World, usesS3: boolean): boolean =>
  (usesS3 || !fault.endsWith(' the store')) &&
  (world.postgres.disk !== null || fault !== 'Postgres out of disk');

/** Whether it has something to strike in that state. */
export const canStrike = (fault: string, state: string): boolean =>
  fault !== 'SIGKILL to the client of an index build' || state === 'StartIndexBuild';

/** What is with a run from its beginning. */
export const CONDITIONS: Record<string, (settings: FaultyRun, random: Random) => void> = {
  "the runner's clock jumps": (settings, random) => {
    settings.clockJump = { afterMilliseconds: random.between(0, 3_000), byMilliseconds: jump(random) };
  },
  "the functions' clocks jump": (settings, random) => {
    const preload = new URL('./clock-jump.ts', import.meta.url).href;
    Object.assign(settings.environment, {
      NODE_OPTIONS: `--import ${preload}`,
      CLOCK_JUMP_AFTER: String(random.between(0, 1_000)),
      CLOCK_JUMP_BY: String(jump(random)),
    });
  },
};

const DAY = 24 * 3_600_000;
const jump = (random: Random) =>
  random.pick([-400 * DAY, -DAY, -3_600_000, -5_000, 5_000, 3_600_000, DAY, 400 * DAY]);

/** The process of the visited state's function, or any that lives. */
function functionOf({ attempt, state, random }: Scene, name?: RegExp): number | undefined {
  const all = [...attempt.functions];
  // Shards that are left over have states of their own, but the same functions.
  const wanted = name ?? new RegExp(state.replace('Unfinished', ''), 'i');
  const of = all.filter(([, one]) => wanted.test(one)).map(([pid]) => pid);
  if (of.length > 0) return random.pick(of);
  return name || all.length === 0 ? undefined : random.pick(all)[0];
}

function signalFunction(scene: Scene, signal: NodeJS.Signals, name?: RegExp): string | null {
  const pid = functionOf(scene, name);
  const who = pid === undefined ? undefined : scene.attempt.functions.get(pid);
  return pid !== undefined && send(pid, signal) ? (who ?? null) : null;
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function proxyOf({ world, source, usesS3 }: Scene, place: Place) {
  if (place === 'Chroma') return source.proxy;
  if (place === 'Postgres') return world.postgresProxy;
  return usesS3 ? world.s3Proxy : null;
}

async function weather(
  scene: Scene,
  place: Place,
  weather: Weather,
  milliseconds: number,
): Promise<string | null> {
  const proxy = proxyOf(scene, place);
  if (!proxy) return null;
  proxy.weather = weather;
  await scene.pause(milliseconds);
  proxy.weather = { kind: 'fair' };
  return `${milliseconds} ms`;
}

async function mood({ source, pause, random }: Scene, mood: ChromaMood): Promise<string | null> {
  const { bad } = source.moods;
  source.moods.mood = mood;
  await pause(random.between(100, 2_000));
  source.moods.mood = { kind: 'well' };
  return source.moods.bad > bad ? `${source.moods.bad - bad} answers` : null;
}

async function damage(
  scene: Scene,
  how: (key: string, bytes: Buffer) => Promise<void>,
): Promise<string | null> {
  const { run } = scene.attempt.settings;
  const all = await scene.hand.keys(run);
  if (all.length === 0) return null;
  const key = scene.random.pick(all);
  // It may have been replaced or removed by now.
  const bytes = await scene.hand.read(key).catch(() => null);
  if (!bytes) return null;
  scene.excuse(key);
  return how(key, bytes).then(
    () => key.slice(`runs/${run}/`.length),
    () => null,
  );
}
