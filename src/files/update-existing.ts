import type pg from 'pg';
import type { CollectionPlan, Plan, ShardManifest } from '../contract.ts';
import { InvalidInput, RecordsRejected } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Database } from '../postgres/database.ts';
import { hasLedgerTable, migrateLedger } from '../postgres/ledger-schema.ts';
import {
  type Certificate,
  type CertifiedCollection,
  certificateText,
  issueCertificate,
} from '../report/certificate.ts';
import { readRejects } from '../shard/import-shard.ts';
import { requireManifest } from '../shard/manifest.ts';
import { keys } from '../store/keys.ts';
import type { ShardStore } from '../store/store.ts';
import { fileUpdates } from './ledger.ts';
import { untouched, updateCollection } from './update-collection.ts';

export interface UpdateContext {
  database: Database;
  store: ShardStore;
  log: Log;
}

/** Rejects that an error names. */
const NAMED = 10;

/**
 * Adds a plan's records to the live tables: those of an id that is there take the place of the old ones. One
 * transaction a collection, so that nobody sees half of it, and nothing is left of one that fails. A run that was
 * killed goes on with the next.
 *
 * @returns the certificate, which is in the store then; also of a run that failed there is one
 * @throws RecordsRejected if records cannot arrive and `skip` is not set; nothing was changed then
 */
export async function updateExisting(
  context: UpdateContext,
  plan: Plan,
  { skip, verify }: { skip: boolean; verify: boolean },
): Promise<Certificate> {
  const { database, store } = context;
  const { done, ...versions } = await database.withClient(`update ${plan.run}`, async (client) => ({
    ...(await serverVersions(client)),
    done: await doneBefore(client, plan),
  }));
  const collections = await Promise.all(
    plan.collections.map(async (collection) => ({
      collection,
      manifests: await manifestsOf(store, plan.run, collection),
    })),
  );
  const accounts = collections.map(
    ({ collection, manifests }) => done.get(collection.schema) ?? untouched(collection, manifests),
  );
  const due = [...collections.entries()].filter(([, { collection }]) => !done.has(collection.schema));
  const issue = async (status: Certificate['status']) => {
    const issuedAt = new Date().toISOString();
    const named = { run: plan.run, status, issuedAt, store: store.url, chromaVersion: plan.sourceVersion };
    const certificate = issueCertificate({ ...named, ...versions, collections: accounts });
    await store.writeText(keys.certificate(plan.run), certificateText(certificate));
    return certificate;
  };
  try {
    if (!skip)
      await refuseRejects(
        store,
        due.flatMap(([, { manifests }]) => manifests),
      );
    for (const [place, { collection, manifests }] of due)
      accounts[place] = await database.withClient(`update ${plan.run}`, (client) =>
        updateCollection(client, context, { plan, collection, manifests, verify }),
      );
  } catch (error) {
    // What went wrong is what has to be told, also where the store takes nothing any more.
    await issue('failed').catch(() => undefined);
    throw error;
  }
  return issue('succeeded');
}

/** Accounts of what the run has done already, by schema. @throws InvalidInput if it was another run */
async function doneBefore(
  client: pg.Client,
  { run, createdAt }: Plan,
): Promise<Map<string, CertifiedCollection>> {
  // A database without a ledger has nothing that could be updated, and shall not get one from that.
  if (!(await hasLedgerTable(client))) return new Map();
  await migrateLedger(client);
  const { rowCount } = await client.query('select from chroma_migration.runs where run = $1', [run]);
  if (rowCount)
    throw new InvalidInput(
      `Run "${run}" has made tables of its own: pass another --run with --update-existing.`,
    );
  const done = [...(await fileUpdates(client, run))];
  if (done.some(([, { plannedAt }]) => Date.parse(plannedAt) !== Date.parse(createdAt)))
    throw new InvalidInput(
      `Run "${run}" of this database follows another plan than the store's: pass the --store that it was started with, or another --run.`,
    );
  const gone = done.find(([, { isLive }]) => !isLive);
  if (gone)
    throw new InvalidInput(
      `Run "${run}" has added its files to the tables that were live in schema "${gone[0]}" then, and another run is live there now: import them again, as a run of another name.`,
    );
  return new Map(done.map(([schema, { account }]) => [schema, account]));
}

async function serverVersions(
  client: pg.Client,
): Promise<Pick<Certificate, 'postgresVersion' | 'pgvectorVersion'>> {
  const { rows } = await client.query<{ postgresVersion: string; pgvectorVersion: string }>(
    `select current_setting('server_version') as "postgresVersion",
            coalesce((select extversion from pg_extension where extname = 'vector'), '') as "pgvectorVersion"`,
  );
  return rows[0]!;
}

const manifestsOf = (store: ShardStore, run: string, { schema, shards }: CollectionPlan) =>
  Promise.all(
    Array.from({ length: shards }, (_, number) => requireManifest(store, keys.manifest(run, schema, number))),
  );

/** @throws RecordsRejected */
async function refuseRejects(store: ShardStore, manifests: ShardManifest[]): Promise<void> {
  const rejected = manifests.reduce((sum, manifest) => sum + manifest.rejected, 0);
  if (rejected === 0) return;
  const named: string[] = [];
  for (const { objects } of manifests)
    if (objects.rejects)
      for await (const { id, reason } of readRejects(store, objects.rejects))
        if (named.length < NAMED) named.push(`"${id}" (${reason})`);
  throw new RecordsRejected(
    `${rejected} record${rejected === 1 ? '' : 's'} cannot arrive as they are: ${named.join(', ')}${rejected > named.length ? ' and others' : ''}; nothing was changed: mend them, or pass --skip-errors.`,
  );
}
