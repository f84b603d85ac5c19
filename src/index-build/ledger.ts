import type pg from 'pg';
import { touchRun } from '../postgres/ledger.ts';

interface BuildKey {
  run: string;
  schema: string;
  index: string;
}

export async function noteBuild(
  client: pg.Client,
  { run, schema, index }: BuildKey,
  ddl: string,
  spillsAfter: number | null,
): Promise<void> {
  await client.query(
    `insert into chroma_migration.index_builds (run, schema, index, ddl, state, spills_after)
     values ($1, $2, $3, $4, 'building', $5)
     on conflict (run, schema, index) do update
        set state = 'building', started_at = now(), finished_at = null, error = null, spills_after = excluded.spills_after`,
    [run, schema, index, ddl, spillsAfter],
  );
  await touchRun(client, run);
}

export async function finishBuild(client: pg.Client, { run, schema, index }: BuildKey): Promise<void> {
  await client.query(
    `update chroma_migration.index_builds set state = 'valid', finished_at = clock_timestamp()
      where run = $1 and schema = $2 and index = $3`,
    [run, schema, index],
  );
}

export async function noteFailure(
  client: pg.Client,
  { run, schema, index }: BuildKey,
  error: string,
): Promise<void> {
  await client.query(
    `update chroma_migration.index_builds set state = 'failed', finished_at = clock_timestamp(), error = $4
      where run = $1 and schema = $2 and index = $3`,
    [run, schema, index, error],
  );
}

/** Ends the entries of builds that went on without their client and are valid by now. */
export async function finishLeftBuilds(
  client: pg.Client,
  run: string,
  schema: string,
  valid: Iterable<string>,
): Promise<void> {
  await client.query(
    `update chroma_migration.index_builds set state = 'valid', finished_at = clock_timestamp()
      where run = $1 and schema = $2 and state = 'building' and index = any ($3)`,
    [run, schema, [...valid]],
  );
  await touchRun(client, run);
}
