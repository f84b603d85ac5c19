import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFile, glob, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { startFauxqs } from 'fauxqs';
import pg from 'pg';
import { importOutput } from '../../local/output/file-schemas.ts';
import { certificateOutput } from '../../local/output/schemas.ts';
import { startTestChroma, type TestChroma } from '../fixtures/chroma.ts';
import {
  killGroup,
  type RunJson,
  runCommand,
  runJsonCommand,
  startCommand,
} from '../fixtures/command-line.ts';
import { fillCollection } from '../fixtures/fill-collection.ts';
import { assertPublished } from '../fixtures/output-schema.ts';
import { startTestPostgres, type TestPostgres } from '../fixtures/postgres.ts';
import { rewritten, rowVersions, waitingForLocks } from '../fixtures/row-versions.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const RECORDS = 400;
let chroma: TestChroma;
let postgres: TestPostgres;
let folder: string;
let client: pg.Client;
/** Another connection, for what one that holds a lock cannot see. */
let observer: pg.Client;

before(async () => {
  [chroma, postgres, folder] = await Promise.all([
    startTestChroma(),
    startTestPostgres(),
    temporaryFolder('files-'),
  ]);
  await fillCollection(chroma.url, { name: 'docs', dimension: 32, records: RECORDS, space: 'cosine' });
  await fillCollection(chroma.url, { name: 'notes', dimension: 8, records: 30, space: 'l2' });
  client = new pg.Client(postgres.url);
  observer = new pg.Client(postgres.url);
  await Promise.all([client.connect(), observer.connect()]);
});
after(async () => {
  await Promise.all([client.end(), observer.end()]);
  await Promise.all([chroma.stop(), postgres.stop()]);
});

interface ExportJson {
  records: number;
  bytes: number;
  collections: { collection: string; records: number; checksum: string; files: { path: string }[] }[];
}
interface UpdateJson {
  certificate: string;
  collections: { checksum: unknown }[];
}
const asExport = (json: RunJson) => json as unknown as ExportJson;
const path = (...names: string[]) => join(folder, ...names);
const importing = (...args: string[]) =>
  runJsonCommand(['import', '--target', postgres.url, '--store', path('store'), '--tune', 'off', ...args]);
const count = async (table: string) =>
  Number((await client.query(`select count(*) from ${table}`)).rows[0].count);

describe('files', () => {
  let exported: ExportJson;

  it('of one export hold a record a line, with counts, sizes and checksums beside them', async () => {
    const { code, json } = await runJsonCommand([
      'export',
      '--source',
      chroma.url,
      '--output',
      path('all.jsonl'),
    ]);
    assert.equal(code, 0);
    exported = asExport(json);
    const lines = (await readFile(path('all.jsonl'), 'utf8')).trimEnd().split('\n');
    assert.equal(lines.length, RECORDS + 30);
    assert.equal(exported.records, RECORDS + 30);
    assert.equal(exported.bytes, (await stat(path('all.jsonl'))).size);
    const [first] = lines.map((line) => JSON.parse(line));
    assert.deepEqual(Object.keys(first), ['collection', 'id', 'document', 'metadata', 'uri', 'embedding']);
    assert.equal(first.embedding.length, 32);
  });

  it('arrive in Postgres with the checksums that Chroma had', async () => {
    const { code, json, stderr } = await importing(
      '--source',
      path('all.jsonl'),
      '--batch-size',
      '64',
      '--workers',
      '2',
    );
    assert.equal(code, 0, stderr);
    for (const { collection, checksum, loaded, published } of json.collections) {
      const from = exported.collections.find((one) => one.collection === collection);
      assert.deepEqual(
        { loaded, published, ...checksum },
        {
          ...{ loaded: from?.records, published: true },
          ...{ source: from?.checksum, store: from?.checksum, target: from?.checksum },
        },
      );
    }
    // What Chroma knows of a collection came with it.
    const { rows } = await client.query(
      `select indexdef from pg_indexes where schemaname = 'notes' and indexname = 'idx_embeddings_vector'`,
    );
    assert.match(rows[0].indexdef, /vector_l2_ops/);
    const verified = await runCommand([
      'verify',
      '--source',
      chroma.url,
      '--target',
      postgres.url,
      '--quiet',
    ]);
    assert.equal(verified.code, 0, verified.stderr);
  });

  it('are what live tables are verified against where there is no Chroma', async () => {
    const verifying = (...args: string[]) =>
      runJsonCommand(['verify', '--source', path('all.jsonl'), '--target', postgres.url, ...args]);
    const good = await verifying();
    assert.equal(good.code, 0, good.stderr);
    assert.deepEqual(
      good.json.collections.map(({ checksum }) => checksum.target),
      exported.collections.map(({ checksum }) => checksum),
    );
    const write = (content: string) =>
      client.query(`update docs.documents set content = $1 where source_id = 'record-7'`, [content]);
    const { rows: was } = await client.query(
      `select content from docs.documents where source_id = 'record-7'`,
    );
    await write('bent');
    const bent = await verifying();
    assert.equal(bent.code, 1);
    assert.deepEqual(
      (bent.json.collections as unknown as { differing: { changed: string[] } }[])[0]?.differing.changed,
      ['record-7'],
    );
    await write(was[0].content);
    const mistaken = await verifying('--collections', 'docs');
    assert.match(mistaken.stderr, /--collections is for a Chroma as --source/);
  });

  it('are refused where they are not what was exported', async () => {
    await mkdir(path('short'));
    const lines = (await readFile(path('all.jsonl'), 'utf8')).split('\n');
    await writeFile(path('short', 'all.jsonl'), lines.slice(0, 100).join('\n'));
    await writeFile(
      path('short', 'all.jsonl.manifest.json'),
      await readFile(path('all.jsonl.manifest.json')),
    );
    const { code, stderr } = await importing('--source', path('short', 'all.jsonl'));
    assert.equal(code, 1);
    assert.match(
      stderr,
      /is not what was exported \("docs" has 100 of 400 records, "notes" has 0 of 30 records\)/,
    );
  });

  it('of a folder that a PersistentClient made come from a copy: the folder stays bit for bit', async () => {
    const digest = async () => {
      const hash = createHash('sha256');
      const names: string[] = [];
      for await (const name of glob('**/*', { cwd: chroma.folder })) names.push(name);
      for (const name of names.sort()) {
        const file = await stat(join(chroma.folder, name));
        hash.update(`${name} ${file.mtimeMs}\0`);
        if (file.isFile()) hash.update(await readFile(join(chroma.folder, name)));
      }
      return hash.digest('hex');
    };
    const beforeExport = await digest();
    const { code, json, stderr } = await runJsonCommand([
      ...['export', '--source', chroma.folder, '--output', path('folder'), '--batch-size', '100'],
    ]);
    assert.equal(code, 0, stderr);
    assert.equal(await digest(), beforeExport);
    assert.deepEqual(
      asExport(json).collections.map(({ collection, checksum }) => ({ collection, checksum })),
      exported.collections.map(({ collection, checksum }) => ({ collection, checksum })),
    );
  });

  it('of a part add to what is live, and never take its place', async () => {
    const where = ['--where', '{"chunk_index": {"$lt": 2}}', '--limit', '50'];
    const { json } = await runJsonCommand([
      ...[
        'export',
        '--source',
        chroma.url,
        '--output',
        path('part.jsonl.zst'),
        '--collections',
        'docs',
        ...where,
      ],
    ]);
    assert.equal(asExport(json).records, 50);
    const whole = await importing('--source', path('part.jsonl.zst'));
    assert.equal(whole.code, 2);
    assert.match(whole.stderr, /is a part of its collection \(--where\) and "docs" is live/);
    await client.query(
      `update docs.documents set content = 'bent' where source_id in ('record-0', 'record-399')`,
    );
    await client.query(`delete from docs.documents where source_id = 'record-1'`);
    const added = await importing('--source', path('part.jsonl.zst'), '--update-existing');
    assert.equal(added.code, 0, added.stderr);
    assertPublished(importOutput, added.json);
    const { certificate, collections } = added.json as unknown as UpdateJson;
    const { checksum: _, ...docs } = collections[0]!;
    assert.deepEqual(docs, {
      ...{
        collection: 'docs',
        schema: 'docs',
        added: 1,
        updated: 1,
        unchanged: 48,
        rejected: 0,
        repeated: 0,
      },
      // One of those that the file does not speak of is bent.
      ...{ kept: RECORDS - 50, keptCertifiedBy: null },
    });
    assert.equal(await count('docs.documents'), RECORDS);
    assert.equal(await count(`docs.documents where content = 'bent'`), 1);

    const check = (...more: string[]) =>
      runCommand(['verify', '--certificate', certificate, '--target', postgres.url, ...more]);
    const sound = await check();
    assert.equal(sound.code, 0, sound.stdout + sound.stderr);
    await client.query(`update docs.documents set content = 'worse' where source_id = 'record-399'`);
    const differs = await check('--json');
    assert.equal(differs.code, 1);
    assertPublished(certificateOutput, JSON.parse(differs.stdout));
    assert.match(
      differs.stdout,
      /50 records of its files 50 are there, as they were certified: others differ/,
    );
    assert.match(differs.stdout, /changed: \\"record-399\\"/);
  });

  it('that update live tables leave them as they were when they are killed, and go on', async () => {
    const command = [
      ...['import', '--source', path('part.jsonl.zst'), '--target', postgres.url, '--update-existing'],
      ...['--store', path('store'), '--run', 'killed'],
    ];
    await client.query(`update docs.documents set content = 'bent' where source_id = 'record-0'`);
    const before = await rowVersions(client);
    // Whoever updates waits for this.
    await client.query('begin; lock table docs.documents in share row exclusive mode');
    const killed = startCommand(command);
    while ((await waitingForLocks(observer)) === 0) {
      assert.equal(killed.process.exitCode, null, 'it ended before it could be killed');
      await sleep(5);
    }
    killGroup(killed.process);
    assert.equal((await killed.finished).code, null);
    await client.query('commit');
    assert.deepEqual(await rowVersions(client), before);

    const { code, json, stderr } = await runJsonCommand(command);
    assert.equal(code, 0, stderr);
    const { certificate } = json as unknown as UpdateJson;
    assert.deepEqual(rewritten(before, await rowVersions(client)), ['record-0']);
    // Without the option the run of that name would replace what is live, and the certificate.
    const other = await runCommand(command.filter((word) => word !== '--update-existing'));
    assert.equal(other.code, 2);
    assert.match(
      other.stderr,
      /Run "killed" has added its files to the live tables of "docs": pass another --run/,
    );
    const sound = await runCommand(['verify', '--certificate', certificate, '--target', postgres.url]);
    assert.equal(sound.code, 0, sound.stdout + sound.stderr);
  });

  it('of other programs come as they are: many, compressed, by other names; what is no record is told', async () => {
    await mkdir(path('pages'));
    const line = (id: unknown, more = {}) =>
      `${JSON.stringify({ id, vector: [Number(id), 1, 0.5], content: `page ${id}`, ...more })}\n`;
    await writeFile(path('pages', 'a.jsonl.gz'), gzipSync(`${line(1)}${line(2, { author: 'Ada' })}`));
    await writeFile(path('pages', 'b.ndjson'), zstdCompressSync(Buffer.from(`${line(3)}\n${line(4)}`)));
    const clean = await importing('--source', path('pages'), '--no-verify');
    assert.equal(clean.code, 0, clean.stderr);
    assert.deepEqual(
      clean.json.collections.map(({ schema, loaded, recallAt10 }) => ({ schema, loaded, recallAt10 })),
      [{ schema: 'pages', loaded: 4, recallAt10: null }],
    );
    const { rows } = await client.query(
      'select source_id, content, metadata from pages.documents order by 1',
    );
    assert.deepEqual(rows[1], { source_id: '2', content: 'page 2', metadata: { author: 'Ada' } });

    await appendFile(path('pages', 'c.jsonl'), `${line(5)}no record\n`);
    const refused = await importing('--source', path('pages'));
    assert.equal(refused.code, 1);
    assert.match(
      refused.stderr,
      /"c.jsonl:2" \(unreadable\).*mend them in the files and import them anew, or/,
    );
    assert.equal(await count('pages.documents'), 4);
    const skipped = await importing('--source', path('pages'), '--skip-errors');
    assert.equal(skipped.code, 0, skipped.stderr);
    assert.equal(await count('pages.documents'), 5);
  });

  it('in which a record stands twice are refused with the places of both', async () => {
    const line = (id: string, at: number) => `${JSON.stringify({ id, embedding: [at, 1] })}\n`;
    await mkdir(path('twice'));
    await writeFile(path('twice', 'a.jsonl'), `${line('x', 1)}${line('y', 2)}${line('z', 3)}`);
    await writeFile(path('twice', 'b.jsonl.gz'), gzipSync(`${line('v', 4)}${line('y', 5)}`));
    const twice = ['--source', path('twice'), '--collection', 'twice'];
    for (const layout of ['guide', 'flat']) {
      const { code, stderr } = await importing(...twice, '--layout', layout);
      assert.equal(code, 1);
      assert.match(stderr, /The files of collection "twice" hold a record twice .*take one of its lines out/);
      assert.match(stderr, /Record "y" stands in a\.jsonl:2 and b\.jsonl\.gz:2\./);
    }
  });

  it('that are imported when somebody presses Ctrl-C go on with the run that is named', async () => {
    const args = ['import', '--source', path('all.jsonl'), '--target', postgres.url, '--tune', 'off'];
    const command = [...args, '--store', path('store'), '--take-over', '--shard-bytes', '64KB'];
    // Whoever publishes waits for this: it comes to no end before it is stopped.
    await client.query('begin; lock table docs.documents in access share mode');
    const stopped = startCommand(command);
    const stop = (said: string) => {
      if (!/^(Exporting|Importing|Indexing|Verifying|Publishing)/m.test(said)) return;
      stopped.process.stderr?.off('data', stop);
      stopped.process.kill('SIGINT');
    };
    stopped.process.stderr?.on('data', stop);
    const { code, stderr } = await stopped.finished;
    await client.query('commit');
    assert.equal(code, 1, stderr);
    const [, run] = /go on with the same command and --run (import-\S+)\.\n$/.exec(stderr) ?? [];
    assert.ok(run, stderr);
    const goneOn = await runJsonCommand([...command, '--run', run]);
    assert.equal(goneOn.code, 0, goneOn.stderr);
    assert.deepEqual(
      goneOn.json.collections.map(({ checksum }) => checksum.target),
      exported.collections.map(({ checksum }) => checksum),
    );
  });

  it('of a bucket are written, imported and verified as those of a folder are', async () => {
    const s3 = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
    try {
      s3.createBucket('backups');
      const env = {
        ...{ AWS_ENDPOINT_URL_S3: s3.address, AWS_REGION: 'us-east-1' },
        ...{ AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
      };
      for (const place of ['s3://backups/chroma', 's3://backups/one/all.jsonl.zst']) {
        const written = await runJsonCommand(['export', '--source', chroma.url, '--output', place], env);
        assert.equal(written.code, 0, written.stderr);
        assert.deepEqual(
          asExport(written.json).collections.map(({ checksum }) => checksum),
          exported.collections.map(({ checksum }) => checksum),
        );
        const store = ['--target', postgres.url, '--store', 's3://backups/runs', '--tune', 'off'];
        const read = await runJsonCommand(['import', '--source', place, ...store], env);
        assert.equal(read.code, 0, read.stderr);
        const verified = await runJsonCommand(['verify', '--source', place, '--target', postgres.url], env);
        assert.equal(verified.code, 0, verified.stderr);
        assert.deepEqual(
          verified.json.collections.map(({ checksum }) => checksum.target),
          exported.collections.map(({ checksum }) => checksum),
        );
      }
    } finally {
      await s3.stop();
    }
  });

  it('once imported are searched through the function of the guide, and as Chroma answers', async () => {
    const search = (...args: string[]) =>
      runJsonCommand(['search', '--target', postgres.url, '--collection', 'docs', ...args]);
    const { json } = await search('--like', 'record-7', '--limit', '3', '--compare', '--source', chroma.url);
    const { matches, chroma: theirs } = json as unknown as Record<'matches' | 'chroma', { id: string }[]>;
    assert.deepEqual(
      matches.map(({ id }) => id),
      theirs.map(({ id }) => id),
    );
    assert.equal(matches[0]?.id, 'record-7');
    const held = await search(
      '--like',
      'record-7',
      '--where',
      '{"chunk_index": 9}',
      '--min-similarity',
      '-1',
      '--limit',
      '30',
    );
    const found = (held.json as unknown as { matches: { metadata: { chunk_index: number } }[] }).matches;
    assert.equal(found.length, 30);
    assert.ok(found.every(({ metadata }) => metadata.chunk_index === 9));
    const text = await search('what is this?');
    assert.equal(text.code, 2);
    assert.match(
      text.stderr,
      /embeds .*: (npm install @chroma-core|search with --vector)|search with --vector FILE or --like ID/,
    );
  });

  it('of COPY bytes are a run whose export is done, searches of Chroma included', async () => {
    const { code, stderr } = await runJsonCommand([
      ...[
        'export',
        '--source',
        chroma.url,
        '--output',
        path('copy'),
        '--format',
        'pgcopy',
        '--collections',
        'notes',
      ],
    ]);
    assert.equal(code, 0, stderr);
    await client.query('drop schema notes cascade');
    const { json, ...finished } = await importing('--source', path('copy'), '--take-over');
    assert.equal(finished.code, 0, finished.stderr);
    assert.deepEqual(
      json.collections.map(({ loaded, recallAt10 }) => ({ loaded, recallAt10 })),
      [{ loaded: 30, recallAt10: 1 }],
    );
    const decided = await importing('--source', path('copy'), '--layout', 'flat', '--sparse-column', 'words');
    assert.equal(decided.code, 2);
    assert.match(
      decided.stderr,
      /holds whole shards.* without --layout, --sparse-column, or export JSON lines/,
    );
    const renamed = await importing('--source', path('copy'), '--run', 'another');
    assert.equal(renamed.code, 2);
    assert.match(
      renamed.stderr,
      /holds the shards of run ".+", which keeps its name: import it without --run/,
    );
    await rm(path('copy'), { recursive: true });
  });

  it('are compressed where their name says so', async () => {
    await runJsonCommand([
      'export',
      '--source',
      chroma.url,
      '--output',
      path('n.jsonl.gz'),
      '--collections',
      'notes',
    ]);
    const text = gunzipSync(await readFile(path('n.jsonl.gz'))).toString('utf8');
    assert.equal(text.trimEnd().split('\n').length, 30);
  });
});
