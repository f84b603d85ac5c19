import pg from 'pg';
import type { Database } from '../src/postgres/database.ts';

/** Who works in the database, and as whom. */
export interface DatabaseUser {
  user: string;
  /** Whether the database was made for the migration. Its owner may set its search settings and use schema public. */
  ownsDatabase: boolean;
}

/**
 * Makes the role that the functions connect as, once: it has no password, IAM lets it in, and it may make schemas in
 * this one database. The extension comes too, since on RDS it takes more rights than the role is given. Can be replayed.
 *
 * @param database as somebody who may create roles
 */
export async function createDatabaseUser(
  database: Database,
  { user, ownsDatabase }: DatabaseUser,
): Promise<void> {
  const role = pg.escapeIdentifier(user);
  await database.withClient('create database user', async (client) => {
    const { rows } = await client.query<{ name: string; exists: boolean }>(
      `select current_database() as name, exists (select from pg_roles where rolname = $1) as "exists"`,
      [user],
    );
    const name = pg.escapeIdentifier(rows[0]!.name);
    await client.query('begin');
    if (!rows[0]!.exists) await client.query(`create role ${role} login`);
    await client.query(`grant rds_iam to ${role}`);
    await client.query(`grant connect, create on database ${name} to ${role}`);
    await client.query('create extension if not exists vector');
    if (ownsDatabase) {
      // A database is given away only by a member of the role that gets it.
      await client.query(`grant ${role} to current_user`);
      await client.query(`alter database ${name} owner to ${role}`);
    }
    await client.query('commit');
  });
}
