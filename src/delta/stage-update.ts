import { Readable } from 'node:stream';
import pg from 'pg';
import type { Plan } from '../contract.ts';
import { addChecksums } from '../copy/digest.ts';
import { incomingSchema } from '../postgres/collection-schema.ts';
import type { Database } from '../postgres/database.ts';
import { fetchedDigests } from '../postgres/fetched.ts';
import { shardsOf } from '../postgres/ledger.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { storedChecksums } from '../verify/stored-checksums.ts';
import type { Verification } from '../verify/verification.ts';
import { stageExpected } from './expected.ts';

/**
 * Says what the live tables must hold once the staged rows are in, stores each record's digest, by which a certificate
 * names what differs later, and gives the finding on the staged rows these figures.
 */
export async function stageUpdate(
  { database, store }: { database: Database; store: ShardStore },
  { run, options }: Plan,
  found: Verification,
): Promise<Verification> {
  const { schema } = found;
  return database.withKeptClient(`verify ${run}`, async (client) => {
    const compared = (await shardsOf(client, run, schema)).filter(({ content }) => content === 'digests');
    const source = {
      records: compared.reduce((sum, shard) => sum + shard.loaded, 0),
      checksum: addChecksums(compared.map(({ checksum }) => checksum)),
    };
    const staged = await stagedDigests(client, schema);
    const mismatches = [...found.mismatches];
    if (staged.records !== source.records || staged.checksum !== source.checksum)
      mismatches.push(
        `${staged.records} digests of Chroma's records are staged (checksum ${staged.checksum}) and should be ${source.records} (${source.checksum}).`,
      );
    const expected = await stageExpected(client, schema, options.deleteMissing);
    const digests = keys.expected(run, schema);
    const expectedRows = `select id, digest from ${pg.escapeIdentifier(incomingSchema(schema))}.expected`;
    await client.query('begin');
    await store.write(digests, Readable.from(fetchedDigests(client, expectedRows)));
    await client.query('commit');
    const stored = (await storedChecksums(store, [digests])).get(digests) ?? null;
    return {
      ...found,
      ...{ mismatches, verified: mismatches.length === 0 },
      records: { ...found.records, target: expected.records },
      checksum: { source: expected.checksum, store: stored, target: expected.checksum },
    };
  });
}

async function stagedDigests(
  client: pg.Client,
  schema: string,
): Promise<{ records: number; checksum: string }> {
  const { rows } = await client.query<{ records: number; sum: string }>(
    `select count(*) as records, coalesce(sum(digest), 0)::text as sum
       from ${pg.escapeIdentifier(incomingSchema(schema))}.source_digests`,
  );
  const { records, sum } = rows[0]!;
  return { records, checksum: BigInt.asUintN(64, BigInt(sum)).toString() };
}
