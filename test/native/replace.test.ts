/** What a second run, a rollback and another rollback leave for readers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { collectionId, deleteRecords, updateRecords } from '../fixtures/chroma-api.ts';
import { runCommand, runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import {
  assertSameRecords,
  type OracleRecord,
  recordsOfChroma,
  recordsOfPostgres,
} from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

describe('a second run over the first', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let store: string;
  let first: Map<string, OracleRecord>;
  let second: Map<string, OracleRecord>;

  const migrate = (run: string) =>
    runJsonCommand([
      ...['migrate', '--source', chroma.url, '--target', postgres.url, '--store', store],
      ...['--run', run],
    ]);
  const rollBack = () => runCommand(['rollback', '--target', postgres.url, '--collection', 'docs', '--json']);
  const live = () => recordsOfPostgres(postgres.url, 'docs');

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    store = await temporaryFolder('replace-');
    const id = await fillCollection(chroma.url, { name: 'docs', dimension: 24, records: 400 });
    first = await recordsOfChroma(chroma.url, id);
    assert.equal((await migrate('first')).code, 0);
  });
  after(() => Promise.all([chroma?.stop(), postgres?.stop()]));

  it('cannot be rolled back to before the first', async () => {
    const { code, stdout, stderr } = await rollBack();
    assert.equal(code, 1);
    assert.equal(JSON.parse(stdout).error.name, 'NothingToRollBack');
    assert.match(stderr, /^Collection "docs" has no version before [^\n]*\n$/);
    assertSameRecords(await live(), first);
  });

  it('replaces what was live and keeps it as previous', async () => {
    const id = await collectionId(chroma.url, 'docs');
    await deleteRecords(chroma.url, id, ['record-0', 'record-77']);
    await updateRecords(chroma.url, id, { ids: ['record-5'], documents: ['another text'] });
    second = await recordsOfChroma(chroma.url, id);
    assert.equal(second.size, first.size - 2);

    assert.equal((await migrate('second')).code, 0);
    assertSameRecords(await live(), second);
    assertSameRecords(await recordsOfPostgres(postgres.url, 'docs__previous'), first);
  });

  it('changes nothing when it is run again', async () => {
    const { code, json } = await migrate('second');
    assert.equal(code, 0);
    assert.equal(json.collections[0]?.published, true);
    assertSameRecords(await live(), second);
    assertSameRecords(await recordsOfPostgres(postgres.url, 'docs__previous'), first);
  });

  it('is undone by a rollback, and a second rollback brings it back', async () => {
    const undone = await rollBack();
    assert.deepEqual(JSON.parse(undone.stdout), {
      ...{ collection: 'docs', schema: 'docs', run: 'first', chroma: null },
    });
    assert.equal(undone.code, 0);
    assertSameRecords(await live(), first);

    const redone = await rollBack();
    assert.deepEqual(JSON.parse(redone.stdout), {
      ...{ collection: 'docs', schema: 'docs', run: 'second', chroma: null },
    });
    assertSameRecords(await live(), second);
  });
});
