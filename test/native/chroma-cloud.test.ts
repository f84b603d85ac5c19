/** Chroma Cloud's limits, token and TLS, in front of a real server. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import { type CloudProxy, startCloudProxy } from '../fixtures/cloud-proxy.ts';
import { runJsonCommand } from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertArrived } from '../fixtures/oracle.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const RECORDS = 6_000;
/** Fewer than the ten of Chroma Cloud, so that a few shards meet the limit. */
const READS_AT_ONCE = 2;

describe('a server with the limits of Chroma Cloud', () => {
  let chroma: TestChroma;
  let postgres: TestPostgres;
  let cloud: CloudProxy;
  let collection: string;

  before(async () => {
    [chroma, postgres] = await Promise.all([startTestChroma(), startTestPostgres()]);
    cloud = await startCloudProxy(chroma.url, READS_AT_ONCE);
    collection = await fillCollection(chroma.url, { name: 'docs', dimension: 16, records: RECORDS });
  });
  after(async () => {
    await cloud?.stop();
    await Promise.all([chroma?.stop(), postgres?.stop()]);
  });

  it('is asked for 300 records at a time, by as many readers as it lets in, and every record arrives', async () => {
    const folder = await temporaryFolder('cloud-');
    const headers = join(folder, 'headers');
    await writeFile(headers, `x-chroma-token: ${cloud.token}\n`);
    const { code, json, stderr } = await runJsonCommand([
      ...['migrate', '--source', cloud.url, '--source-ca', cloud.authority, '--source-header', `@${headers}`],
      ...['--target', postgres.url, '--store', folder, '--sample-size', '2'],
      ...['--shard-bytes', '400kB', '--concurrency', '6'],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(json.collections[0]?.loaded, RECORDS);
    const place = { chroma: chroma.url, collectionId: collection, target: postgres.url, schema: 'docs' };
    assert.equal(await assertArrived(place), RECORDS);
    const { refusedLimits, refusedReads, reads, mostReadsAtOnce } = cloud.counts;
    const told = JSON.stringify(cloud.counts);
    assert.ok(refusedLimits > 0 && refusedLimits < reads / 2, told);
    assert.ok(refusedReads > 0 && refusedReads < reads, told);
    assert.ok(mostReadsAtOnce <= READS_AT_ONCE, told);
  });

  it('is not believed without its authority, and says so without its token', async () => {
    const migrate = (...more: string[]) =>
      runJsonCommand(['migrate', '--source', cloud.url, '--target', postgres.url, ...more]);
    const unknown = await migrate();
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /certificate is self-signed; pass its authority with --source-ca/);
    const refused = await migrate('--source-ca', cloud.authority);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /refused the credentials \(401\)/);
  });
});
