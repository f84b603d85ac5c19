import type pg from 'pg';

/** How a run that updates in place stands with one collection. */
export interface UpdateState {
  /** Its live tables are updated; otherwise it had none, and new ones take the place. */
  updatesLive: boolean;
  published: boolean;
  /** What the live tables held when the update was committed; null before. */
  targetRecords: number | null;
  targetChecksum: string | null;
  /** Of these, the records that Chroma no longer held. */
  kept: number | null;
}

/** By schema. @param only this one; all of the run by default */
export async function updateStates(
  client: pg.Client,
  run: string,
  only: string | null = null,
): Promise<Map<string, UpdateState>> {
  const { rows } = await client.query<UpdateState & { schema: string }>(
    `select schema, updates_live as "updatesLive", published_at is not null as published,
            target_records as "targetRecords", target_checksum::text as "targetChecksum", kept
       from chroma_migration.collections where run = $1 and ($2::text is null or schema = $2)`,
    [run, only],
  );
  return new Map(rows.map(({ schema, ...state }) => [schema, state]));
}

export async function updateState(client: pg.Client, run: string, schema: string): Promise<UpdateState> {
  return (await updateStates(client, run, schema)).get(schema)!;
}
