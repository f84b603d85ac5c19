/** `tune` as a person uses it, on a server that has settings of its own and builds indexes beside its work. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { tuneOutput } from '../../local/output/schemas.ts';
import type { Log } from '../../src/log.ts';
import { createConcurrently, reindexConcurrently } from '../../src/tune/build-concurrently.ts';
import { liveCollections } from '../../src/tune/live-collections.ts';
import { runCommand, startCommand } from '../fixtures/command-line.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { holdServerSettings } from '../fixtures/postgres.ts';
import { collectionPlan, migrate, planOf, startTarget, type TestTarget } from '../postgres/target-run.ts';

interface TuneJson {
  settings: { name: string; scope: string; oldValue: string; newValue: string; applied: boolean }[];
  restored: { name: string; to: string; restored: boolean; reason: string | null }[];
  indexes: { schema: string; index: string; action: string }[];
  suggestions: { option: string; ddl: string }[];
}

describe('tune', { concurrency: false }, () => {
  let target: TestTarget;
  let release: () => Promise<void>;
  before(async () => {
    release = await holdServerSettings();
    target = await startTarget();
    const plan = collectionPlan({ records: 3000, dimension: 64 });
    await migrate(target, planOf('first', [plan]));
    await target.rows('analyze');
  });
  after(async () => {
    await target.rows('alter system reset all');
    await target.rows('select pg_reload_conf()');
    await release();
    await target.stop();
  });

  async function tune(...args: string[]): Promise<{ code: number | null; json: TuneJson }> {
    const { code, stdout, stderr } = await runCommand([
      ...['tune', '--target', target.url, '--instance-memory', '16GB', '--json', '--quiet', ...args],
    ]);
    assert.notEqual(stdout, '', stderr);
    assertPublished(tuneOutput, JSON.parse(stdout));
    return { code, json: JSON.parse(stdout) as TuneJson };
  }
  const setting = async (name: string) =>
    (await target.rows<{ setting: string }>('select setting from pg_settings where name = $1', [name]))[0]!
      .setting;
  /** Resolves once it is in force: a server reads its configuration in its own time. @param value in its own unit */
  const setSystem = async (name: string, value: string) => {
    await target.rows(`alter system set ${name} = '${value}'`);
    await target.rows('select pg_reload_conf()');
    await isInForce(name, value);
  };
  async function isInForce(name: string, value: string): Promise<void> {
    for (let tries = 0; (await setting(name)) !== value; tries++) {
      assert.ok(tries < 500, `${name} is still ${await setting(name)}`);
      await sleep(20);
    }
  }
  const definition = async (index: string) =>
    (
      await target.rows<{ indexdef: string }>('select indexdef from pg_indexes where indexname = $1', [index])
    )[0]?.indexdef;

  it('changes nothing unasked, and says from what to what and why', async () => {
    const before = await setting('work_mem');
    const { stdout, code } = await runCommand([
      ...['tune', '--target', target.url, '--instance-memory', '16GB'],
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /shared_buffers +256 MiB → 4 GiB .*needs a restart\n +A quarter of 16 GiB/);
    assert.match(stdout, /Nothing was set: --apply/);
    assert.equal(await setting('work_mem'), before);
  });

  it('applies, and restores to the very values from before', async () => {
    await setSystem('checkpoint_timeout', '400');
    const before = await Promise.all(['work_mem', 'checkpoint_timeout', 'random_page_cost'].map(setting));
    const { code, json } = await tune('--apply');
    assert.equal(code, 0);
    assert.ok(json.settings.length > 3 && json.settings.every(({ applied }) => applied));
    await isInForce('checkpoint_timeout', '900');
    assert.notEqual(await setting('work_mem'), before[0]);
    const back = await tune('--restore');
    assert.equal(back.code, 0);
    assert.deepEqual(
      back.json.restored.map(({ name }) => name).sort(),
      json.settings.map(({ name }) => name).sort(),
    );
    assert.deepEqual(
      await Promise.all(['work_mem', 'checkpoint_timeout', 'random_page_cost'].map(setting)),
      before,
    );
    assert.deepEqual((await tune('--restore')).json.restored, [], 'a second time there is nothing left');
  });

  it('leaves alone what somebody has set otherwise since', async () => {
    await tune('--apply');
    await setSystem('work_mem', '9216');
    const { code, json } = await tune('--restore');
    assert.equal(code, 1);
    const kept = json.restored.filter(({ restored }) => !restored);
    assert.deepEqual(
      kept.map(({ name }) => name),
      ['work_mem'],
    );
    assert.match(kept[0]!.reason!, /9216/);
    assert.equal(await setting('work_mem'), '9216');
  });

  it('builds the guide’s further indexes, and moves the day of the recent one', async () => {
    await assert.rejects(
      target.rows(
        `create index on docs.documents (created_at) where created_at > current_date - interval '30 days'`,
      ),
      /IMMUTABLE/,
      'Postgres refuses the guide’s, as tune says',
    );
    const first = await tune('--index', 'language', '--index', 'recent=30', '--index', 'metadata=n');
    assert.deepEqual(
      first.json.indexes.map(({ action }) => action),
      ['created', 'created', 'created'],
    );
    const before = await definition('idx_documents_recent');
    assert.match((await definition('idx_documents_language'))!, /WHERE \(language IS NOT NULL\)/);
    // A number: jsonb orders it as one.
    assert.match((await definition('idx_documents_metadata_n'))!, /\(metadata -> 'n'::text\)/);
    const second = await tune('--index', 'language', '--index', 'recent=7');
    assert.deepEqual(
      second.json.indexes.map(({ action }) => action),
      ['there already', 'replaced'],
    );
    assert.notEqual(await definition('idx_documents_recent'), before);
    assert.equal(await definition('idx_documents_recent_new'), undefined);
  });

  it('suggests an index that can be built as it stands, and not again once it is', async () => {
    await target.rows('drop index docs.idx_documents_metadata_n');
    const { json } = await tune();
    assert.deepEqual(
      json.suggestions.map(({ option }) => option),
      ['metadata=n'],
    );
    await target.rows(json.suggestions[0]!.ddl);
    assert.deepEqual((await tune()).json.suggestions, []);
  });

  it('builds the vector index anew under its name', async () => {
    const oid = async () =>
      (await target.rows<{ oid: number }>(`select 'docs.idx_embeddings_vector'::regclass::oid as oid`))[0]!
        .oid;
    const before = await oid();
    const { json } = await tune('--reindex');
    assert.deepEqual(
      json.indexes.map(({ index, action }) => [index, action]),
      [['idx_embeddings_vector', 'rebuilt']],
    );
    assert.notEqual(await oid(), before);
  });

  it('builds by one process where helpers find no shared memory, and says why', async () => {
    // As Postgres says it, in the midst of a build: what was begun of the index stays, and is in the way.
    await target.rows(`create function docs.helped(value text) returns text language plpgsql immutable as $$ begin
      if current_setting('max_parallel_maintenance_workers')::integer > 0 then
        raise exception 'could not resize shared memory segment "/PostgreSQL.1843" to 99 bytes: No space left on device'
          using errcode = 'disk_full';
      end if; return value; end $$`);
    const warnings: string[] = [];
    const log: Log = { info() {}, warn: (message) => warnings.push(message) };
    const context = {
      ...{ database: target.database, log, signal: new AbortController().signal },
      instanceMemoryBytes: undefined,
    };
    const [live] = await target.database.withClient('test', (client) => liveCollections(client, 'test'));
    const index = {
      ...{ schema: 'docs', name: 'idx_helped', reason: '', replaces: false },
      ddl: 'create index concurrently "idx_helped" on docs.documents (docs.helped(source_id))',
    };
    try {
      assert.equal((await createConcurrently(context, live!, index)).action, 'created');
      assert.equal(warnings.length, 1);
      assert.match(warnings[0]!, /shared memory .*--shm-size/);
      const rebuilt = await reindexConcurrently(context, { ...live!, vectorIndex: 'idx_helped' });
      assert.equal(rebuilt.action, 'rebuilt');
      assert.equal(warnings.length, 2);
      assert.deepEqual(
        await target.rows(
          `select i.indexrelid::regclass::text as name, indisvalid as valid from pg_index i
            where pg_get_indexdef(i.indexrelid) like '%helped%'`,
        ),
        [{ name: 'docs.idx_helped', valid: true }],
      );
    } finally {
      await target.rows('drop function docs.helped cascade');
    }
  });

  it('leaves no half-built index when it is stopped', async () => {
    await target.rows('drop index docs.idx_documents_language');
    // A transaction that has written keeps the build waiting for its end.
    const writer = new pg.Client(target.url);
    await writer.connect();
    await writer.query('begin');
    await writer.query(`update docs.documents set language = 'en' where source_id = 'record 1'`);
    const command = startCommand(['tune', '--target', target.url, '--index', 'language']);
    const isBuilding = async () =>
      (
        await target.rows(
          `select from pg_stat_progress_create_index where datname = current_database() and command ~ '^CREATE'`,
        )
      ).length > 0;
    try {
      for (let tries = 0; ; tries++) {
        if (await isBuilding()) break;
        assert.ok(tries < 600, 'the build has not begun');
        await sleep(100);
      }
      command.process.kill('SIGINT');
      // While somebody writes the build cannot come to its own end.
      while (await isBuilding()) await sleep(20);
    } finally {
      await writer.query('rollback');
      await writer.end();
    }
    const { code, stderr } = await command.finished;
    assert.equal(code, 1);
    assert.match(stderr, /Stopped as asked/);
    assert.equal(await definition('idx_documents_language'), undefined);
    assert.deepEqual(await target.rows('select from pg_index where not indisvalid'), []);
  });

  it('says to a role without rights what it may not set, and what to tell those who may', async () => {
    await target.rows(`create role tune_guest login password 'guest'`);
    await target.rows(
      'grant usage on schema chroma_migration, docs to tune_guest; grant select on all tables in schema chroma_migration, docs to tune_guest',
    );
    const url = new URL(target.url);
    [url.username, url.password] = ['tune_guest', 'guest'];
    try {
      const { code, stdout } = await runCommand([
        ...['tune', '--target', url.href, '--instance-memory', '16GB', '--apply'],
      ]);
      assert.equal(code, 1);
      assert.match(stdout, /shared_buffers .*not settable: role "tune_guest" may not ALTER SYSTEM/);
      assert.match(stdout, /To be set by others\n {2}alter system set shared_buffers = '524288';/);
    } finally {
      await target.rows('drop owned by tune_guest; drop role tune_guest');
    }
  });
});
