/** Every function of the state machine breaks down in turn, and a redrive goes on after each. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { readAssembly } from '../../local/assembly.ts';
import type { RdsAdapter } from '../../local/rds-adapter.ts';
import { type ExecutionEvent, LocalExecution } from '../../local/run-execution.ts';
import { StateFailure } from '../../local/state-machine/errors.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId } from '../fixtures/chroma-api.ts';
import { type Call, type Fault, type FaultKind, FaultyFunctions } from '../fixtures/faulty-functions.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { hastyClock } from '../fixtures/hasty-clock.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** 64 dimensions of 4 bytes: 256 records a shard, so two shards and one. */
const COLLECTIONS = { docs: 512, notes: 100 };

/** No function of ours: the state machine's own calls of RDS. */
const RDS = 'rds';

/** What breaks, and the state in which the execution therefore fails; each stage begins with a redrive. */
const STAGES: [breaks: Omit<Fault, 'kind'>[], failsIn: string][] = [
  [[{ step: 'plan' }], 'Plan'],
  [[{ step: 'prepare-database' }], 'PrepareDatabase'],
  [[{ step: 'choose-import-profile' }], 'ChooseImportProfile'],
  [[{ step: RDS }], 'ApplyImportProfile'],
  // The first map tolerates its failures, so they are met again in the second.
  [
    [
      { step: 'export-shard', number: 0 },
      { step: 'import-shard', number: 1 },
      { step: 'find-unfinished-shards' },
    ],
    'FindUnfinishedShards',
  ],
  [[{ step: 'export-shard', number: 0 }], 'MigrateUnfinishedShards'],
  [[{ step: 'import-shard' }], 'MigrateUnfinishedShards'],
  [[{ step: 'find-unfinished-shards' }], 'FindUnfinishedShards'],
  [[{ step: 'check-index-build' }], 'IndexCollections'],
  [[{ step: 'start-index-build' }], 'IndexCollections'],
  [[{ step: 'sample-searches' }], 'VerifyCollections'],
  [[{ step: 'verify-collection' }], 'VerifyCollections'],
  [[{ step: 'publish' }], 'Publish'],
  [[{ step: RDS }], 'RestoreParameters'],
  [[{ step: 'recommend-parameters' }], 'RecommendParameters'],
  [[{ step: 'write-report' }], 'WriteReport'],
];

const STEPS = [...new Set(STAGES.flatMap(([breaks]) => breaks.map(({ step }) => step)))].sort();

/** Who holds it builds the schema's indexes (src/index-build): small ones are done before anybody looks. */
const SCHEMA_LOCK = 0x63687202;

describe('an execution whose functions break down in turn at every state', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let client: pg.Client;
  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    for (const [name, records] of Object.entries(COLLECTIONS))
      await fillCollection(chroma.url, { name, dimension: 64, records });
    client = new pg.Client(postgres.url);
    await client.connect();
  });
  after(async () => {
    await client?.end();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  for (const kind of ['fails', 'times out', 'dies'] satisfies FaultKind[])
    it(`is redriven after each that ${kind}: every record is there once, and no child that had succeeded ran again`, async () => {
      const folder = await temporaryFolder('redrive-');
      const assembly = readAssembly(fileURLToPath(new URL('../../dist/assembly', import.meta.url)));
      const functions = await FaultyFunctions.create(assembly, join(folder, 'functions'));
      const run = `broken-${kind.replace(' ', '-')}`;
      const watched = new Watched(functions);
      const store = await openStore(join(folder, 'store'));
      const execution = new LocalExecution({
        ...{ assembly: functions.assembly, name: run, store, clock: hastyClock },
        input: { run, shardBytes: 64 * 1024, concurrency: 2, tune: 'apply' },
        environment: {
          ...{ STORE_URL: store.url, CHROMA_URL: chroma.url, DATABASE_URL: postgres.url },
          DATABASE_CA_FILE: '',
        },
        rds: watched.rds,
        onEvent: (event) => watched.note(event),
      });

      let begun = false;
      let imported = new Map<string, string>();
      const go = () => {
        if (begun) return execution.redrive();
        begun = true;
        return execution.start();
      };
      for (const [breaks, failsIn] of STAGES) {
        functions.set(breaks.map((one) => ({ ...one, kind })));
        watched.rdsFails = breaks[0]?.step === RDS;
        const looks = breaks[0]?.step === 'check-index-build';
        if (looks)
          await client.query('select pg_advisory_lock($1, hashtext($2))', [SCHEMA_LOCK, `${run}/docs`]);
        const result = await go();
        if (looks) await client.query('select pg_advisory_unlock_all()');
        assert.equal(result.status, 'FAILED', `${failsIn} did not fail`);
        assert.equal(watched.state, failsIn, JSON.stringify(result));
        imported = await assertStillImported(run, imported);
      }
      functions.set([]);
      const result = await go();
      assert.equal(result.status, 'SUCCEEDED', JSON.stringify(result));

      await assertStillImported(run, imported);
      assert.deepEqual(watched.ranAgain, []);
      assert.deepEqual([...watched.struck].sort(), STEPS);
      for (const [schema, records] of Object.entries(COLLECTIONS)) {
        const id = await collectionId(chroma.url, schema);
        const place = { chroma: chroma.url, collectionId: id, target: postgres.url, schema };
        assert.equal(await assertArrived(place), records);
      }
      const { rows } = await client.query('select distinct run from chroma_migration.published_schemas');
      assert.deepEqual(rows, [{ run }]);
    });

  /** Shards of the ledger with the times of their import: the same at every later look. */
  async function assertStillImported(run: string, before: Map<string, string>): Promise<Map<string, string>> {
    const known = await client.query(`select to_regclass('chroma_migration.shards') as shards`);
    if (known.rows[0].shards === null) return before;
    const { rows } = await client.query(
      'select schema, number, imported_at::text as at from chroma_migration.shards where run = $1',
      [run],
    );
    const now = new Map(rows.map(({ schema, number, at }) => [`${schema}/${number}`, at as string]));
    for (const [shard, at] of before) assert.equal(now.get(shard), at, `shard ${shard} was imported again`);
    return now;
  }
});

/** What happens in an execution, over all of its redrives. */
class Watched {
  /** The execution's own state, not that of a child. */
  state = '';
  /** Steps that broke down. */
  readonly struck = new Set<string>();
  /** States of children that had succeeded already. */
  readonly ranAgain: string[] = [];
  rdsFails = false;
  readonly #succeeded = new Set<string>();
  readonly #functions: FaultyFunctions;

  constructor(functions: FaultyFunctions) {
    this.#functions = functions;
  }

  readonly rds: RdsAdapter = {
    call: async () => {
      if (!this.rdsFails) return {};
      this.struck.add(RDS);
      throw new StateFailure('Rds.DbParameterGroupNotFoundException', 'not there');
    },
  };

  note(event: ExecutionEvent): void {
    if (event.type === 'child-ended' && event.status === 'SUCCEEDED')
      this.#succeeded.add(`${event.state}/${event.index}`);
    if (event.type === 'log' && event.fields.message === 'called') {
      const { step, struck } = event.fields as unknown as Call;
      if (struck) this.struck.add(step);
    }
    // A short time may be over before the function has begun to log.
    if (event.type === 'environment-ended' && event.reason === 'timed out')
      this.struck.add(this.#functions.stepOf(event.function));
    if (event.type !== 'state-entered' && event.type !== 'state-redriven') return;
    const [outer, index] = event.path;
    if (index === undefined) this.state = outer as string;
    else if (this.#succeeded.has(`${outer}/${index}`)) this.ranAgain.push(event.path.join('/'));
  }
}
