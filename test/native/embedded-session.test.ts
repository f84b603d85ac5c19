import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from '../../local/embedded-postgres/backend.ts';
import { type Fatal, readyForQuery } from '../../local/embedded-postgres/protocol.ts';
import { type Client, SharedSession } from '../../local/embedded-postgres/shared-session.ts';

const backend: Backend = {
  execute: async (_messages, onData) => onData(readyForQuery('T')),
  close: async () => undefined,
  broken: new Promise(() => undefined),
};

const client = (silentSeconds: number, end: (reason: Fatal) => void): Client => ({
  settings: new Map(),
  settingsTouched: false,
  lastHeard: performance.now() - silentSeconds * 1000,
  end,
});

it('a client that holds the session and is silent for a minute is sent away when another waits', async () => {
  const session = new SharedSession(backend);
  const reason = Promise.withResolvers<Fatal>();
  const silent: Client = client(61, (fatal) => {
    reason.resolve(fatal);
    session.release(silent);
  });
  const other = client(0, () => assert.fail('the one that waits was sent away'));
  await session.acquire(silent);
  const waited = session.acquire(other);
  assert.equal((await reason.promise).code, '25P03');
  await waited;
  session.release(other);
});

it('a client whose statement was long is not, neither meanwhile nor right after it', async () => {
  const statement = Promise.withResolvers<void>();
  const session = new SharedSession({
    ...backend,
    execute: async (_messages, onData) => {
      await statement.promise;
      onData(readyForQuery('I'));
    },
  });
  const busy = client(61, () => assert.fail('the busy one was sent away'));
  const other = client(0, () => undefined);
  await session.acquire(busy);
  const executed = session.execute(new Uint8Array(), true, () => undefined);
  const waited = session.acquire(other);
  setTimeout(statement.resolve, 1500);
  assert.equal(await executed, 'I');
  await sleep(1500);
  session.release(busy);
  await waited;
  session.release(other);
});
