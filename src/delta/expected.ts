import pg from 'pg';
import { incomingSchema } from '../postgres/collection-schema.ts';
import { digestsWithIds } from './live-digests.ts';

/** What live tables must come to. */
export interface ExpectedTables {
  records: number;
  /** Sum of the digests modulo 2^64, decimal. */
  checksum: string;
  /** Of the records, those that Chroma no longer holds. */
  kept: number;
}

/**
 * Notes beside the staged rows each record, by id and digest, that the live tables must hold once these are in: what is
 * the same on both sides, what was staged, and, unless it is to be deleted, what Chroma no longer holds.
 */
export async function stageExpected(
  client: pg.Client,
  schema: string,
  deleteMissing: boolean,
): Promise<ExpectedTables> {
  const incoming = pg.escapeIdentifier(incomingSchema(schema));
  await client.query(
    `begin;
     drop table if exists ${incoming}.expected;
     create table ${incoming}.expected as
       select s.id, s.digest, false as kept from ${incoming}.source_digests s
        where not exists (select from ${incoming}.differing f where f.id = s.id)
        union all
       select id, digest, false from (${digestsWithIds(incomingSchema(schema))}) staged
        union all
       select f.id, f.live_digest, true from ${incoming}.differing f
        where ${!deleteMissing} and ${isLeft('f', incoming)};
     commit`,
  );
  return readExpected(client, schema);
}

export async function readExpected(client: pg.Client, schema: string): Promise<ExpectedTables> {
  const { rows } = await client.query<{ records: number; sum: string; kept: number }>(
    `select count(*) as records, coalesce(sum(digest), 0)::text as sum, count(*) filter (where kept) as kept
       from ${pg.escapeIdentifier(incomingSchema(schema))}.expected`,
  );
  const { records, sum, kept } = rows[0]!;
  return { records, kept, checksum: BigInt.asUintN(64, BigInt(sum)).toString() };
}

/** Whether a differing record is in the live tables and nothing was staged for it: Chroma holds it no longer. */
export const isLeft = (differing: string, incoming: string): string =>
  `${differing}.live_digest is not null
   and not exists (select from ${incoming}.documents staged where staged.id = ${differing}.id)`;
