/** The migration's role on a real server; needs DATABASE_URL of somebody who may create roles and databases. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { createDatabaseUser } from '../../lambdas/database-user.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';

const server = process.env.DATABASE_URL;

describe("the migration's role", { skip: !server && 'DATABASE_URL names no server' }, () => {
  const user = `mover_${randomBytes(4).toString('hex')}`;
  const guest = `guest_${randomBytes(4).toString('hex')}`;
  let own: TestPostgres;
  let theirs: TestPostgres;
  let madeIam = false;

  before(async () => {
    own = await startTestPostgres();
    theirs = await startTestPostgres();
    // On RDS it is there.
    madeIam = (await query(own.url, `select from pg_roles where rolname = 'rds_iam'`)).rowCount === 0;
    if (madeIam) await query(own.url, 'create role rds_iam nologin');
  });
  after(async () => {
    await own.stop();
    await theirs.stop();
    for (const role of [user, guest]) await query(server!, `drop role if exists ${role}`);
    if (madeIam) await query(server!, 'drop role rds_iam');
  });

  it('is made once however often it is asked for, without a password and without any of the great rights', async () => {
    for (let time = 0; time < 3; time++)
      await createDatabaseUser(openDatabase({ url: own.url }), { user, ownsDatabase: true });
    const { rows } = await query(
      own.url,
      `select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication,
              rolpassword is null as passwordless, pg_has_role(oid, 'rds_iam', 'member') as iam
         from pg_authid where rolname = '${user}'`,
    );
    assert.deepEqual(rows, [
      {
        ...{ rolcanlogin: true, rolsuper: false, rolcreaterole: false, rolcreatedb: false },
        ...{ rolbypassrls: false, rolreplication: false, passwordless: true, iam: true },
      },
    ]);
  });

  it('may do in its own database what a migration does', async () => {
    const { name } = (await query(own.url, 'select current_database() as name')).rows[0];
    await as(user, own.url, [
      'create schema docs__incoming',
      'create table docs__incoming.embeddings (embedding vector(3))',
      'create table public.documents (id uuid)',
      `alter database ${name} set hnsw.ef_search = 100`,
    ]);
  });

  it("may make schemas in somebody else's database, and touch nothing that is there", async () => {
    await query(theirs.url, 'create table public.payroll (salary int)');
    await createDatabaseUser(openDatabase({ url: theirs.url }), { user: guest, ownsDatabase: false });
    const { name } = (await query(theirs.url, 'select current_database() as name')).rows[0];
    await as(guest, theirs.url, ['create schema docs', 'create table docs.d (e vector(3))']);
    for (const statement of [
      'select * from public.payroll',
      'drop table public.payroll',
      `alter database ${name} set work_mem = 64`,
      `drop schema public cascade`,
    ])
      await assert.rejects(as(guest, theirs.url, [statement]), /permission denied|must be owner/, statement);
  });
});

async function query(url: string, text: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

/** Runs the statements as the role, which has no password to connect with itself. */
const as = (role: string, url: string, statements: string[]) =>
  query(url, [`set session authorization ${role}`, ...statements].join(';\n'));
