import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { NothingToRollBack, RecordsRejected, SchemaOccupied, VerificationFailed } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { insertRejects } from '../../src/postgres/ledger.ts';
import { readRunLedger } from '../../src/postgres/run-ledger.ts';
import { publish } from '../../src/publish/publish.ts';
import { rollback } from '../../src/publish/rollback.ts';
import {
  collectionPlan,
  index,
  load,
  migrate,
  planOf,
  prepare,
  startTarget,
  type TestTarget,
  verified,
} from '../postgres/target-run.ts';

let target: TestTarget;
before(async () => {
  target = await startTarget();
});
after(() => target.stop());
beforeEach(async () => {
  await target.rows(`do $$ declare name text; begin
    for name in select nspname from pg_namespace
                 where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')
    loop execute format('drop schema %I cascade', name); end loop; end $$`);
});

const publishRun = (run: string) => publish(target.database, run, silentLog);
const rollBack = (name: string) => rollback(target.database, name, silentLog);
const versionsIn = async (schema: string) =>
  (await target.rows<{ v: string }>(`select distinct content as v from ${schema}.documents order by 1`)).map(
    ({ v }) => v,
  );
const exists = async (name: string) =>
  (await target.rows<{ there: boolean }>('select to_regclass($1) is not null as there', [name]))[0]!.there;

test('nothing is live before it is published, and nothing incoming is left afterwards', async () => {
  const plan = planOf('one');
  await prepare(target, plan);
  await load(target, plan.collections[0]!, 'one');
  await index(target, plan);
  await verified(target, plan);
  assert.equal(await exists('docs.documents'), false);
  assert.deepEqual(await publishRun('one'), { run: 'one', published: 1 });
  assert.deepEqual(await versionsIn('docs'), ['one']);
  assert.deepEqual(await target.rows(`select from pg_namespace where nspname = 'docs__incoming'`), []);
});

test('a schema that is there already keeps what a person made in it, and its comment', async () => {
  await target.rows(
    `create schema docs; comment on schema docs is 'of a person'; create table docs.notes (id int)`,
  );
  await migrate(target, planOf('one', [collectionPlan()], { schema: 'docs' }));
  assert.deepEqual(await versionsIn('docs'), ['one']);
  assert.equal(await exists('docs.notes'), true);
  const comment = `select obj_description('docs'::regnamespace, 'pg_namespace') as said`;
  assert.deepEqual(await target.rows(comment), [{ said: 'of a person' }]);
});

test('a schema that publishing makes says nothing of the run that filled it', async () => {
  await migrate(target, planOf('one'));
  const comment = `select obj_description('docs'::regnamespace, 'pg_namespace') as said`;
  assert.deepEqual(await target.rows(comment), [{ said: null }]);
});

test('what is published stays searchable, keyed and joined by its foreign key', async () => {
  await migrate(target, planOf('one'));
  const nearest = await target.rows(
    `select * from docs.search_nearest((select embedding from docs.embeddings where id = md5('3')::uuid), 1)`,
  );
  assert.deepEqual(nearest, [
    { source_id: 'record 3', content: 'one', uri: null, metadata: { n: 3 }, distance: 0 },
  ]);
  await target.rows(`delete from docs.documents where source_id = 'record 3'`);
  assert.deepEqual(await target.rows(`select from docs.embeddings where id = md5('3')::uuid`), []);
  const names = await target.rows<{ name: string }>(
    `select indexname as name from pg_indexes where schemaname = 'docs'`,
  );
  for (const expected of ['idx_embeddings_vector', 'idx_documents_file_path', 'idx_documents_metadata'])
    assert.ok(
      names.some(({ name }) => name === expected),
      expected,
    );
});

test('the version before is kept, and rolling back twice returns', async () => {
  await migrate(target, planOf('one'));
  await migrate(target, planOf('two'));
  assert.deepEqual([await versionsIn('docs'), await versionsIn('docs__previous')], [['two'], ['one']]);
  assert.deepEqual(await rollBack('docs'), { collection: 'docs', schema: 'docs', run: 'one' });
  assert.deepEqual([await versionsIn('docs'), await versionsIn('docs__previous')], [['one'], ['two']]);
  assert.equal((await rollBack('docs')).run, 'two');
  assert.deepEqual(await versionsIn('docs'), ['two']);
});

test('a run tells what of it is live, and what has taken the place of the rest', async () => {
  const told = (run: string) =>
    target.database.withClient('test', async (client) => {
      const { published, replaced } = (await readRunLedger(client, run, 0))!;
      return { published: [...published], replaced: [...replaced] };
    });
  await migrate(target, planOf('one'));
  await migrate(target, planOf('two'));
  assert.deepEqual(await told('two'), { published: ['docs'], replaced: [] });
  assert.deepEqual(await told('one'), { published: [], replaced: [['docs', 'two']] });
  await rollBack('docs');
  assert.deepEqual(await told('one'), { published: ['docs'], replaced: [] });
  assert.deepEqual(await told('two'), { published: [], replaced: [['docs', 'one']] });
});

test('a search in a live schema never answers from the version before', async () => {
  await migrate(target, planOf('one'));
  await migrate(target, planOf('two'));
  await rollBack('docs');
  for (const [schema, version] of [
    ['docs', 'one'],
    ['docs__previous', 'two'],
  ]) {
    const found = await target.rows(`select distinct content from ${schema}.search_similar('[0,0,0,0]', 10)`);
    assert.deepEqual(found, [{ content: version }]);
  }
});

test('publishing a published run changes nothing, and does not undo a rollback', async () => {
  await migrate(target, planOf('one'));
  await migrate(target, planOf('two'));
  await rollBack('docs');
  assert.deepEqual(await publishRun('two'), { run: 'two', published: 1 });
  assert.deepEqual([await versionsIn('docs'), await versionsIn('docs__previous')], [['one'], ['two']]);
});

test('what was not verified is not published, and neither is what was', async () => {
  const plan = planOf('one', [collectionPlan(), collectionPlan({ schema: 'more' })]);
  await prepare(target, plan);
  await verified(target, { ...plan, collections: plan.collections.slice(0, 1) });
  await assert.rejects(publishRun('one'), (error: Error) => {
    assert.ok(error instanceof VerificationFailed);
    assert.match(error.message, /"more".*not verified/);
    return true;
  });
  assert.equal(await exists('docs.documents'), false);
});

test('rejected records keep a run from publishing, and the first of them are named', async () => {
  const plan = planOf('one');
  await prepare(target, plan);
  await verified(target, plan);
  const rejects = Array.from({ length: 12 }, (_, offset) => ({
    ...{
      id: `record ${offset}`,
      offset,
      reason: 'nul-in-id' as const,
      detail: 'It holds NUL.',
      record: '{}',
    },
  }));
  await target.database.withClient('test', (client) =>
    insertRejects(client, { run: 'one', schema: 'docs', number: 0 }, rejects),
  );
  await assert.rejects(publishRun('one'), (error: Error) => {
    assert.ok(error instanceof RecordsRejected);
    assert.match(error.message, /^12 records .*"record 0" \(nul-in-id\).*"record 9".*and 2 more.*quarantine/);
    assert.doesNotMatch(error.message, /record 10/);
    return true;
  });
  await prepare(target, planOf('one', undefined, { onReject: 'quarantine' }));
  assert.equal((await publishRun('one')).published, 1);
});

test('whoever could read the live tables can read those that replace them, and after a rollback too', async () => {
  const reader = `reader_${process.pid}`;
  await migrate(target, planOf('one'));
  await target.rows(`create role ${reader}`);
  try {
    await target.rows(
      `grant select on docs.documents to ${reader}; grant select on docs.embeddings to public`,
    );
    await migrate(target, planOf('two'));
    const may = () =>
      target.rows(`select has_table_privilege('${reader}', 'docs.documents', 'select') as documents,
                          has_table_privilege('${reader}', 'docs.embeddings', 'select') as embeddings,
                          has_table_privilege('${reader}', 'docs.documents', 'update') as update`);
    const expected = [{ documents: true, embeddings: true, update: false }];
    assert.deepEqual(await may(), expected);
    await rollBack('docs');
    assert.deepEqual(await may(), expected);
  } finally {
    await target.rows(`drop owned by ${reader}; drop role ${reader}`);
  }
});

test("a person's view on the tables is never dropped with them", async () => {
  await migrate(target, planOf('one'));
  await target.rows('create schema app; create view app.titles as select source_id from docs.documents');
  // The view follows its tables, which become the previous ones here and would be dropped next.
  await migrate(target, planOf('two'));
  await assert.rejects(migrate(target, planOf('three')), (error: Error) => {
    assert.ok(error instanceof SchemaOccupied);
    assert.match(error.message, /view app\.titles/);
    return true;
  });
  assert.deepEqual([await exists('app.titles'), await versionsIn('docs')], [true, ['two']]);
  await target.rows('drop view app.titles');
  await publishRun('three');
  assert.deepEqual(await versionsIn('docs'), ['three']);
});

test('a target schema that is public works like any other', async () => {
  const inPublic = () => [collectionPlan({ collection: 'docs', schema: 'public' })];
  await migrate(target, planOf('one', inPublic(), { schema: 'public' }));
  await migrate(target, planOf('two', inPublic(), { schema: 'public' }));
  await rollBack('docs');
  assert.deepEqual(await target.rows(`select distinct content from search_similar('[0,0,0,0]', 3)`), [
    { content: 'one' },
  ]);
  await target.rows('drop table documents, embeddings cascade');
});

test('an empty collection that never held a record arrives as empty tables that answer searches', async () => {
  const plan = planOf('one', [collectionPlan({ dimension: null, records: 0, shards: 0 })]);
  await migrate(target, plan);
  assert.deepEqual(await target.rows(`select * from docs.search_similar('[1,2,3]', 10)`), []);
});

test('a live schema that a person dropped is simply published again', async () => {
  await migrate(target, planOf('one'));
  await target.rows('drop schema docs cascade');
  await migrate(target, planOf('two'));
  assert.deepEqual(await versionsIn('docs'), ['two']);
  await assert.rejects(rollBack('docs'), NothingToRollBack);
});

test('rolling back what has no version before it is refused, and leaves no trace in the database', async () => {
  await assert.rejects(rollBack('docs'), NothingToRollBack);
  assert.deepEqual(await target.rows(`select from pg_namespace where nspname = 'chroma_migration'`), []);
  await migrate(target, planOf('one'));
  await assert.rejects(rollBack('docs'), NothingToRollBack);
  await assert.rejects(rollBack('other'), /"other"/);
  await migrate(target, planOf('two'));
  await target.rows('drop schema docs__previous cascade');
  await assert.rejects(rollBack('docs'), NothingToRollBack);
  assert.deepEqual(await versionsIn('docs'), ['two']);
});

test('a ledger of a version that knew no layouts is brought up to date by a rollback', async () => {
  await migrate(target, planOf('one'));
  await migrate(target, planOf('two'));
  await target.rows('alter table chroma_migration.published_schemas drop column layout');
  await target.rows('alter table chroma_migration.published_schemas drop column previous_layout');
  await target.rows(`delete from chroma_migration.migrations where name = '0003_layouts'`);
  await rollBack('docs');
  assert.deepEqual(await versionsIn('docs'), ['one']);
});
