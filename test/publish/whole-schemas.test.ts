/** A live schema that holds its collection alone is renamed; one that holds more stays, and what others made in it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type CollectionPlan, LAYOUTS, type Plan } from '../../src/contract.ts';
import { silentLog } from '../../src/log.ts';
import { incomingSchema, previousSchema } from '../../src/postgres/collection-schema.ts';
import { endRun } from '../../src/postgres/ledger.ts';
import { publish } from '../../src/publish/publish.ts';
import { rollback } from '../../src/publish/rollback.ts';
import {
  collectionPlan,
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

/** The identity of a schema, which a rename leaves it. */
async function oidOf(schema: string): Promise<number | undefined> {
  const rows = await target.rows<{ oid: number }>('select oid::bigint from pg_namespace where nspname = $1', [
    schema,
  ]);
  return rows[0]?.oid;
}

/** Puts empty tables of the run in place. @returns the identities of the incoming schemas before that */
async function publishEmpty(plan: Plan): Promise<Map<string, number | undefined>> {
  await prepare(target, plan);
  const incoming = new Map<string, number | undefined>();
  for (const { schema } of plan.collections) incoming.set(schema, await oidOf(incomingSchema(schema)));
  await verified(target, plan);
  await publish(target.database, plan.run, silentLog);
  await target.database.withClient('test', (client) => endRun(client, plan.run, 'succeeded', null));
  return incoming;
}

const rollBack = (schema: string) => rollback(target.database, schema, silentLog);

describe('a live schema that holds nothing else', () => {
  for (const layout of LAYOUTS)
    it(`goes whole and comes back whole, in layout ${layout}`, async () => {
      const name = `alone_${layout}`;
      const sparse = [{ key: 'sparse', column: 'sparse', dimension: 10 }];
      const one: CollectionPlan = collectionPlan({
        ...{ schema: name, layout },
        ...(layout !== 'shared' && { sparseColumns: sparse }),
      });
      const run = (number: number) => planOf(`${name}-${number}`, [one], { layout });
      await publishEmpty(run(1));
      const first = await oidOf(name);
      const incoming = await publishEmpty(run(2));
      assert.deepEqual(
        [await oidOf(name), await oidOf(previousSchema(name))],
        [incoming.get(name), first],
        'both schemas were renamed',
      );
      await rollBack(name);
      assert.deepEqual(
        [await oidOf(name), await oidOf(previousSchema(name))],
        [first, incoming.get(name)],
        'and were again',
      );
      // The next one drops what is the version before now, and searches answer from what is in place.
      const third = await publishEmpty(run(3));
      assert.equal(await oidOf(name), third.get(name));
      assert.deepEqual(await target.rows(`select * from ${name}.search_nearest('[1,2,3,4]', 1)`), []);
      assert.deepEqual(
        await target.rows('select nspname from pg_namespace where nspname like $1 order by 1', [`${name}%`]),
        [{ nspname: name }, { nspname: previousSchema(name) }],
      );
    });

  it('keeps who may use it, with its name: the version before is nobody’s but its owner’s', async () => {
    const [reader, keeper] = [`reader_${process.pid}`, `keeper "${process.pid}"`];
    const quoted = `"keeper ""${process.pid}"""`;
    const run = (number: number) => planOf(`granted-${number}`, [collectionPlan({ schema: 'granted' })]);
    await publishEmpty(run(1));
    const first = await oidOf('granted');
    await target.rows(`create role ${reader}; create role ${quoted}`);
    try {
      await target.rows(
        `grant usage on schema granted to ${reader}; grant usage, create on schema granted to ${quoted} with grant option;
         grant select on granted.documents to ${reader}`,
      );
      const may = (schema: string) =>
        target.rows(
          `select has_schema_privilege('${reader}', $1, 'usage') as usage,
                  has_schema_privilege('${reader}', $1, 'create') as create,
                  has_schema_privilege($2, $1, 'create with grant option') as keeper,
                  has_table_privilege('${reader}', $1 || '.documents', 'select') as select`,
          [schema, keeper],
        );
      const live = [{ usage: true, create: false, keeper: true, select: true }];
      await publishEmpty(run(2));
      assert.equal(await oidOf(previousSchema('granted')), first);
      assert.deepEqual(await may('granted'), live);
      const [before] = await may(previousSchema('granted'));
      assert.deepEqual([before?.usage, before?.keeper], [false, false]);
      await rollBack('granted');
      assert.equal(await oidOf('granted'), first);
      assert.deepEqual(await may('granted'), live);
      const [later] = await may(previousSchema('granted'));
      assert.deepEqual([later?.usage, later?.keeper], [false, false]);
    } finally {
      await target.rows(
        `drop owned by ${reader}, ${quoted} cascade; drop role ${reader}; drop role ${quoted}`,
      );
    }
  });
});

/** What a person may have made in a live schema or said of it, and a question whether it is still so. */
const OF_OTHERS: Record<string, { make: string; is: string }> = {
  table: {
    make: 'create table table_.notes (n int)',
    is: `select to_regclass('table_.notes') is not null as there`,
  },
  view: {
    make: 'create view view_.titles as select source_id from view_.documents',
    is: `select to_regclass('view_.titles') is not null as there`,
  },
  sequence: {
    make: 'create sequence sequence_.numbers',
    is: `select to_regclass('sequence_.numbers') is not null as there`,
  },
  type: {
    make: `create type type_.mood as enum ('good')`,
    is: `select to_regtype('type_.mood') is not null as there`,
  },
  function: {
    make: `create function function_.search_nearest(text) returns text language sql as 'select $1'`,
    is: `select to_regprocedure('function_.search_nearest(text)') is not null as there`,
  },
  comment: {
    make: `comment on schema comment_ is 'of a person'`,
    is: `select obj_description('comment_'::regnamespace, 'pg_namespace') = 'of a person' as there`,
  },
  publication: {
    make: 'create publication replicated for tables in schema publication_',
    is: `select exists (select from pg_publication_namespace where pnnspid = 'publication_'::regnamespace) as there`,
  },
  defaults: {
    make: 'alter default privileges in schema defaults_ grant select on tables to public',
    is: `select exists (select from pg_default_acl where defaclnamespace = 'defaults_'::regnamespace) as there`,
  },
  owner: {
    make: `create role owner_of_schema; grant create on schema owner_ to current_user; alter schema owner_ owner to owner_of_schema`,
    is: `select nspowner = 'owner_of_schema'::regrole as there from pg_namespace where nspname = 'owner_'`,
  },
};

it('what others made in a live schema, or said of it, stays there whatever takes its place', async () => {
  const schemas = Object.keys(OF_OTHERS).map((what) => `${what}_`);
  const run = (number: number) =>
    planOf(
      `others-${number}`,
      schemas.map((schema) => collectionPlan({ schema })),
    );
  await publishEmpty(run(1));
  try {
    for (const { make } of Object.values(OF_OTHERS)) await target.rows(make);
    const before = await Promise.all(schemas.map(oidOf));
    const stays = async (when: string) => {
      for (const [what, { is }] of Object.entries(OF_OTHERS))
        assert.deepEqual(await target.rows(is), [{ there: true }], `${what} ${when}`);
      assert.deepEqual(await Promise.all(schemas.map(oidOf)), before, when);
    };
    const incoming = await publishEmpty(run(2));
    await stays('after a publication');
    for (const schema of schemas) {
      assert.equal(await oidOf(incomingSchema(schema)), undefined, `${incoming.get(schema)} is dropped`);
      await rollBack(schema);
      assert.equal(await oidOf(`${schema}%swap`), undefined);
    }
    await stays('after a rollback');
  } finally {
    await target.rows('alter schema owner_ owner to current_user; drop role owner_of_schema');
  }
});
