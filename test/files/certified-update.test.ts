/** An import that brings live tables up to date leaves a certificate of them, as any run does. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { StoreUnavailable } from '../../src/errors.ts';
import { silentLog } from '../../src/log.ts';
import { rollback } from '../../src/publish/rollback.ts';
import { type Certificate, parseCertificate } from '../../src/report/certificate.ts';
import { FileStore } from '../../src/store/file-store.ts';
import { keys } from '../../src/store/keys.ts';
import { liveRuns } from '../../src/verify/live-runs.ts';
import { type CertificateFinding, verifyCertificate } from '../../src/verify/verify-certificate.ts';
import {
  type ImportPlaces,
  importInProcess,
  type Line,
  updateInProcess,
} from '../fixtures/import-in-process.ts';
import { rewritten, rowVersions } from '../fixtures/row-versions.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startTarget, type TestTarget } from '../postgres/target-run.ts';

const line = (at: number, document = `text ${at}`): Line => ({
  ...{ id: `record-${at}`, document, metadata: { page: at }, embedding: [at, at + 0.5, 1] },
});
const lines = (from: number, to: number, document?: (at: number) => string): Line[] =>
  Array.from({ length: to - from }, (_, at) => line(from + at, document?.(from + at)));

const RECORDS = 100;
/** Thirty that are there, the first ten of them changed, and five new ones. */
const UPDATE = [
  ...lines(10, 20, (at) => `other text ${at}`),
  ...lines(20, 40),
  ...lines(RECORDS, RECORDS + 5),
];

describe('after files were added to live tables', () => {
  let target: TestTarget;
  let places: ImportPlaces;
  /** Of the run that made the tables. */
  let whole: Certificate;

  before(async () => {
    target = await startTarget();
  });
  after(() => target.stop());
  beforeEach(async () => {
    await target.rows('drop schema if exists docs, docs__previous, notes, named, chroma_migration cascade');
    const [store, files] = await Promise.all([temporaryFolder('certified-'), temporaryFolder('files-')]);
    places = { target: target.url, store, files };
    whole = await importInProcess(places, 'whole', lines(0, RECORDS));
  });

  const update = (settings: Parameters<typeof updateInProcess>[3] = {}) =>
    updateInProcess(places, 'update', UPDATE, settings);
  const check = async (certificate: Certificate, store = places.store): Promise<CertificateFinding> => {
    const context = { database: target.database, store: new FileStore(store), log: silentLog };
    return (await verifyCertificate(context, certificate))[0]!;
  };
  /** What lies in the store. */
  const issued = async (run: string) =>
    parseCertificate((await new FileStore(places.store).readText(keys.certificate(run)))!, run);
  const versions = () => target.database.withClient('test', rowVersions);

  it('a certificate accounts for each of their records, and for the rows that they do not speak of', async () => {
    const { collections, ...run } = await update();
    assert.deepEqual([run.status, run.read, run.loaded, run.unexplained], ['succeeded', 35, 35, 0]);
    const { files, ...docs } = collections[0]!;
    assert.deepEqual(
      { ...files, checksum: null },
      { added: 5, changed: 10, unchanged: 20, repeated: 0, keptCertifiedBy: 'whole', checksum: null },
    );
    assert.deepEqual([docs.kind, docs.records, docs.kept], ['update', RECORDS + 5, RECORDS - 30]);
    assert.deepEqual([docs.checksum.store, docs.checksum.target], Array(2).fill(docs.checksum.source));
    const { source, store, target: held } = files!.checksum;
    assert.deepEqual([store, held], [source, source]);
    assert.notEqual(docs.checksum.target, held);
    assert.deepEqual(
      docs.shards.map(({ read, loaded, checksum }) => [read, loaded, checksum.source === checksum.store]),
      [[35, 35, true]],
    );
    assert.deepEqual((await issued('update')).collections, collections);
  });

  it('only rows that differ are written', async () => {
    const before = await versions();
    await update();
    const written = rewritten(before, await versions());
    const changed = Array.from({ length: 10 }, (_, at) => `record-${10 + at}`);
    const added = Array.from({ length: 5 }, (_, at) => `record-${RECORDS + at}`);
    assert.deepEqual(written, [...changed, ...added].sort());
  });

  it("a person's own column of the tables stays as it is, whatever it is called", async () => {
    await target.rows(`alter table docs.documents add column shard text default 'mine'`);
    const { collections } = await update();
    assert.deepEqual([collections[0]!.files!.added, collections[0]!.files!.changed], [5, 10]);
    assert.deepEqual(await target.rows('select distinct shard from docs.documents'), [{ shard: 'mine' }]);
  });

  it('a column of the guide that its metadata does not say is set right, though no digest covers it', async () => {
    await target.rows(`update docs.documents set start_line = 7 where source_id = 'record-30'`);
    const { collections } = await update();
    assert.deepEqual([collections[0]!.files!.changed, collections[0]!.files!.unchanged], [11, 19]);
    assert.deepEqual(
      await target.rows(`select start_line from docs.documents where source_id = 'record-30'`),
      [{ start_line: null }],
    );
  });

  const TAMPERINGS: Record<string, [sql: string, differing: Partial<CertificateFinding['differing']>]> = {
    'a bit of a record of theirs': [
      `update docs.embeddings set embedding = '[30,30.500002,1]' where document_id =
         (select id from docs.documents where source_id = 'record-30')`,
      { changed: ['record-30'] },
    ],
    'a bit of another': [
      `update docs.embeddings set embedding = '[70,70.50001,1]' where document_id =
         (select id from docs.documents where source_id = 'record-70')`,
      { changed: ['record-70'] },
    ],
    'a record of theirs that is gone': [
      `delete from docs.documents where source_id = 'record-102'`,
      { missing: ['record-102'] },
    ],
    'another that is gone': [
      `delete from docs.documents where source_id = 'record-3'`,
      { missing: ['record-3'] },
    ],
    'a record too many': [
      `with copied as (insert into docs.documents (id, source_id, content)
         values (gen_random_uuid(), 'one more', 'text') returning id)
       insert into docs.embeddings (id, document_id, embedding) select id, id, '[1,2,3]' from copied`,
      { unexpected: ['one more'] },
    ],
  };
  for (const [what, [tamper, differing]] of Object.entries(TAMPERINGS))
    it(`a check against it needs no file, and names ${what}`, async () => {
      const certificate = await update();
      assert.deepEqual((await check(certificate)).mismatches, []);
      await target.rows(tamper);
      const found = await check(certificate);
      assert.equal(found.verified, false);
      const none = { missing: [], unexpected: [], changed: [] };
      assert.deepEqual(found.differing, { ...none, ...differing });
      const theirs = / of theirs/.test(what);
      const { records, checksum } = found.files!;
      assert.equal(checksum.found === checksum.certified, !theirs);
      assert.deepEqual(records, { certified: 35, found: /theirs that is gone/.test(what) ? 34 : 35 });

      const unnamed = await check(certificate, await temporaryFolder('empty-'));
      assert.equal(unnamed.verified, false);
      assert.deepEqual([unnamed.differing, unnamed.files], [null, null]);
      assert.match(unnamed.mismatches.join(), /cannot be named/);
    });

  it('the certificate before says what has changed the tables, when, and which one counts now', async () => {
    assert.equal((await check(whole)).verified, true);
    await update();
    const { verified, mismatches, differing } = await check(whole);
    assert.equal(verified, false);
    assert.match(
      mismatches[0]!,
      /^Run "update" added files to the tables at \d{4}-\S+Z: hold its certificate against them \(.*\/runs\/update\/certificate\.json\)\.$/,
    );
    assert.equal(differing?.unexpected.length, 5);
    assert.equal(differing?.changed.length, 10);
  });

  it('the last of several counts, and each before it names that', async () => {
    const first = await update();
    const second = await updateInProcess(places, 'second', [line(50, 'once more')]);
    assert.equal(second.collections[0]!.files!.keptCertifiedBy, 'update');
    assert.equal((await check(second)).verified, true);
    for (const earlier of [whole, first])
      assert.match((await check(earlier)).mismatches[0]!, /^Run "second" added files/);
  });

  it('rows that were not as they had been certified are said to be so, and not passed off as certified', async () => {
    await target.rows(`update docs.documents set content = 'bent' where source_id = 'record-90'`);
    const certificate = await update();
    assert.equal(certificate.collections[0]!.files!.keptCertifiedBy, null);
    assert.equal((await check(certificate)).verified, true, 'what was found is certified');
    const later = await updateInProcess(places, 'later', [line(50, 'once more')]);
    assert.equal(later.collections[0]!.files!.keptCertifiedBy, 'update');
    const [live] = await target.database.withClient('test', liveRuns);
    assert.deepEqual([live!.addedTo?.run, live!.ledger?.verified], ['later', false]);
  });

  it('tables are verified as a whole where each row is that of a certificate', async () => {
    await update();
    const [live] = await target.database.withClient('test', liveRuns);
    assert.deepEqual(live!.addedTo, { run: 'update', records: RECORDS + 5 });
    assert.equal(live!.ledger?.verified, true);
    assert.equal(live!.ledger?.targetChecksum, whole.checksum.target, 'the run’s own sum stays');
  });

  it('of lines with one id the last one is accounted for, in the shard in which it lies', async () => {
    // Two shards, the second of which has the record's last line.
    const long = lines(0, 60, (at) => `text ${at} `.repeat(200));
    const twice = [...long, line(5, 'the last one'), line(200), line(200, 'the last one too')];
    const { collections } = await updateInProcess(places, 'twice', twice, {
      request: { shardBytes: 65_536 },
    });
    const { files, shards, ...docs } = collections[0]!;
    assert.deepEqual([docs.read, docs.loaded, docs.unexplained, files!.repeated], [61, 61, 0, 2]);
    assert.deepEqual([files!.added, files!.changed, files!.unchanged], [1, 60, 0]);
    assert.equal(shards.length, 2);
    const lost = shards.map(({ read, loaded, unexplained }) => [read - loaded, unexplained]);
    assert.deepEqual(lost, Array(2).fill([0, 0]));
    assert.equal(shards[0]!.read + shards[1]!.read, 61);
    const { rows } = {
      rows: await target.rows(`select content from docs.documents where source_id = 'record-5'`),
    };
    assert.deepEqual(rows, [{ content: 'the last one' }]);
  });

  it('records that cannot arrive are accounted for; without leave nothing is changed', async () => {
    const bad = [...UPDATE, { id: 'bad', embedding: [1, null, 3] }];
    await assert.rejects(updateInProcess(places, 'bad', bad), /"bad".*nothing was changed/);
    const failed = await issued('bad');
    assert.deepEqual(
      [failed.status, failed.read, failed.rejected, failed.unexplained],
      ['failed', 36, 1, 35],
    );
    assert.equal((await check(whole)).verified, true);

    const { read, loaded, rejected, unexplained, ...rest } = await updateInProcess(places, 'bad', bad, {
      skip: true,
    });
    assert.deepEqual([rest.status, read, loaded, rejected, unexplained], ['succeeded', 36, 35, 1, 0]);
    // It is done: what was asked for then is not asked again.
    assert.equal((await updateInProcess(places, 'bad', bad)).status, 'succeeded');
  });

  it('a run is not called done where the tables that it added to have given way to others', async () => {
    await update();
    await importInProcess(places, 'next', lines(0, RECORDS));
    const refused = /^Run "update" has added its files to the tables that were live in schema "docs" then/;
    await assert.rejects(update(), { name: 'InvalidInput', message: refused });
    await rollback(target.database, 'docs', silentLog);
    assert.equal((await update()).status, 'succeeded', 'they are live again');
  });

  it('a run that ends before its commit has changed nothing, and goes on', async () => {
    const before = await versions();
    for (const key of [keys.expected, keys.ofFiles, keys.keptIds]) {
      const failing = storeThatFails(key('update', 'docs'));
      await assert.rejects(update({ store: failing }), StoreUnavailable);
      assert.deepEqual(await versions(), before);
      assert.equal((await check(whole)).verified, true);
    }
    const certificate = await update();
    assert.deepEqual([certificate.status, certificate.collections[0]!.files!.added], ['succeeded', 5]);
    assert.equal((await check(certificate)).verified, true);
  });

  it('a run that ends between two collections goes on with the second, and accounts for both', async () => {
    const notes = lines(0, 10).map((one) => ({ ...one, collection: 'notes' }));
    await importInProcess(places, 'notes', notes);
    const both = [...UPDATE, ...notes.map((one) => ({ ...one, document: 'new' }))];
    const failing = storeThatFails(keys.expected('both', 'notes'));
    await assert.rejects(updateInProcess(places, 'both', both, { store: failing }), StoreUnavailable);
    const failed = await issued('both');
    assert.deepEqual([failed.status, failed.unexplained], ['failed', 10]);
    assert.deepEqual(
      failed.collections.map(({ published }) => published),
      [true, false],
    );
    const before = await versions();
    const certificate = await updateInProcess(places, 'both', both);
    assert.deepEqual(await versions(), before, 'docs are not written once more');
    assert.deepEqual([certificate.status, certificate.unexplained], ['succeeded', 0]);
    assert.deepEqual(
      certificate.collections.map(({ files }) => [files!.added, files!.changed]),
      [
        [5, 10],
        [0, 10],
      ],
    );
  });

  it('a run that ends between commit and certificate issues it when it goes on, and writes nothing', async () => {
    const failing = storeThatFails(keys.certificate('update'));
    await assert.rejects(update({ store: failing }), StoreUnavailable);
    const before = await versions();
    const certificate = await update();
    assert.deepEqual(await versions(), before);
    assert.equal(certificate.collections[0]!.files!.added, 5);
    assert.equal((await check(certificate)).verified, true);
  });

  it('a run of that name that follows another plan, or made tables, is refused', async () => {
    await update();
    const elsewhere = { ...places, store: await temporaryFolder('elsewhere-') };
    await assert.rejects(updateInProcess(elsewhere, 'update', UPDATE), /"update".* follows another plan/);
    await assert.rejects(updateInProcess(places, 'whole', UPDATE), /"whole" has made tables of its own/);
  });

  it('without verification there is an account, and no certificate counts any more', async () => {
    const certificate = await update({ verify: false });
    const { files, ...docs } = certificate.collections[0]!;
    assert.deepEqual([docs.loaded, docs.records, docs.checksum.target], [35, null, null]);
    assert.deepEqual([files!.added, files!.changed, files!.unchanged], [5, 10, 20]);
    assert.match((await check(certificate)).mismatches.join(), /did not compare what it holds/);
    assert.match((await check(whole)).mismatches[0]!, /^Run "update" added files/);
    const [live] = await target.database.withClient('test', liveRuns);
    assert.equal(live!.ledger?.verified, false);
  });

  it('versions take their certificates with them when they change places', async () => {
    const certificate = await update();
    const next = await importInProcess(places, 'next', lines(0, 7));
    assert.match((await check(certificate)).mismatches[0]!, /by now those of run "next", live since \d{4}/);
    assert.equal((await check(next)).verified, true);
    await rollback(target.database, 'docs', silentLog);
    assert.equal((await check(certificate)).verified, true);
    assert.match((await check(next)).mismatches[0]!, /^Run "update" added files/);
  });

  it('records of other files of that collection meet their rows by their ids, whatever they call it', async () => {
    const named = lines(0, 20).map((one) => ({ ...one, collection: 'other' }));
    await importInProcess(places, 'named', named, { schema: 'named' });
    const request = { schema: 'named' };
    const { collections } = await updateInProcess(places, 'update', lines(10, 30), { request });
    const { added, changed, unchanged } = collections[0]!.files!;
    assert.deepEqual([collections[0]!.records, added, changed, unchanged], [30, 10, 0, 10]);
  });

  it('two records that exchange their places in a file do so', async () => {
    const inFile = (id: string, at: number): Line => ({
      ...{ id, metadata: { file_path: 'a', chunk_index: at }, embedding: [1, 2, 3] },
    });
    await updateInProcess(places, 'places', [inFile('x', 1), inFile('y', 2)]);
    await updateInProcess(places, 'exchanged', [inFile('x', 2), inFile('y', 1)]);
    await assert.rejects(updateInProcess(places, 'third', [inFile('z', 2)]), {
      name: 'UpdateImpossible',
    });
  });

  /** A store that refuses one object, as one that is away for that moment. */
  function storeThatFails(key: string): FileStore {
    const store = new FileStore(places.store);
    const failing = (asked: string) => {
      if (asked === key) throw new StoreUnavailable(`${key} cannot be written.`);
    };
    return Object.assign(store, {
      write: async (asked: string, body: AsyncIterable<Buffer>) => {
        failing(asked);
        return FileStore.prototype.write.call(store, asked, body);
      },
      writeText: async (asked: string, text: string) => {
        failing(asked);
        return FileStore.prototype.writeText.call(store, asked, text);
      },
    });
  }
});
