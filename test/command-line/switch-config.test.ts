import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { UsageError } from '../../local/command-line/options.ts';
import { readConfig } from '../../local/config-file/read-config.ts';
import { replaceFile } from '../../local/config-file/replace-file.ts';
import { switchConfig } from '../../local/config-file/switch-config.ts';
import { runCommand } from '../fixtures/command-line.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const TARGET = 'postgres://signal:hunter2@db.example:5433/signalhub?sslmode=require';

/** An application's, with what this program knows nothing of. */
const SIGNAL_HUB = `# signal-hub.yaml: ours

server:
  port: 8080 # behind the proxy
  id: 12345678901234567890
  hosts: [a.example, b.example]
  users:
  - &first {name: "Ada", level: 1.10}
  - *first
storage:
  # which of the two
  vector_store: 'chromadb' # as in development
  path: \${DATA_FOLDER}
`;

describe('switch', () => {
  it('changes what it has to and no other line', () => {
    const { text, changes } = switchConfig(SIGNAL_HUB, 'FILE', { to: 'postgresql', target: TARGET }, {});
    assert.equal(
      text,
      `${SIGNAL_HUB.replace("'chromadb'", "'postgresql'")}database:
  type: postgresql
  connection:
    host: db.example
    port: 5433
    database: signalhub
    user: signal
    password: \${POSTGRES_PASSWORD}
    sslmode: require
  pool:
    min_size: 5
    max_size: 20
    timeout: 30
`,
    );
    assert.deepEqual(changes.at(-1), {
      setting: 'storage.vector_store',
      from: 'chromadb',
      to: 'postgresql',
    });
  });

  it('twice is once, and back leaves the connection where it is', () => {
    const wanted = { to: 'postgresql', target: TARGET } as const;
    const once = switchConfig(SIGNAL_HUB, 'FILE', wanted, {});
    assert.deepEqual(once.passwordVariables, ['POSTGRES_PASSWORD']);
    const twice = switchConfig(once.text, 'FILE', wanted, {});
    assert.deepEqual([twice.text, twice.changes], [once.text, []]);
    const back = switchConfig(once.text, 'FILE', { to: 'chromadb' }, {});
    assert.equal(back.text, once.text.replace("'postgresql'", "'chromadb'"));
  });

  it('writes no password: one that stands there gives way to a variable and is not repeated', () => {
    const written = 'database:\n  connection:\n    password: hunter2 # for now\n';
    const switched = switchConfig(written, 'FILE', { to: 'postgresql', target: TARGET }, {});
    assert.doesNotMatch(JSON.stringify(switched), /hunter2/);
    assert.match(switched.text, /password: \$\{POSTGRES_PASSWORD\} # for now/);
    assert.throws(
      () => switchConfig('', 'FILE', { to: 'chromadb', source: 'http://user:hunter2@chroma:8000' }, {}),
      (error) => error instanceof UsageError && !error.message.includes('hunter2'),
    );
  });

  it('lets a variable stand that means the same', () => {
    const { text } = switchConfig(SIGNAL_HUB, 'FILE', { to: 'postgresql', target: TARGET }, {});
    const variable = text.replace('db.example', `\${PGHOST}`).replace('POSTGRES_PASSWORD', 'OURS');
    const wanted = { to: 'postgresql', target: TARGET } as const;
    const same = switchConfig(variable, 'FILE', wanted, { PGHOST: 'db.example' });
    assert.deepEqual([same.changes, same.passwordVariables], [[], ['OURS']]);
    const other = switchConfig(variable, 'FILE', wanted, { PGHOST: 'other.example' });
    assert.deepEqual(
      other.changes.map(({ setting }) => setting),
      ['database.connection.host'],
    );
  });

  it('names Chroma by its address or its folder, never by both', () => {
    const server = switchConfig('', 'FILE', { to: 'chromadb', source: 'http://chroma:8000' }, {});
    assert.equal(server.text, 'chromadb:\n  url: http://chroma:8000\nstorage:\n  vector_store: chromadb\n');
    const folder = switchConfig(server.text, 'FILE', { to: 'chromadb', source: './data' }, {});
    assert.equal(folder.text, 'chromadb:\n  path: ./data\nstorage:\n  vector_store: chromadb\n');
  });

  it('refuses what is no settings', () => {
    for (const text of ['storage: [', 'storage: chromadb\n', '- a\n'])
      assert.throws(() => switchConfig(text, 'FILE', { to: 'chromadb' }, {}), UsageError, text);
    assert.match(
      switchConfig('# ours\nstorage:\n', 'FILE', { to: 'chromadb' }, {}).text,
      /^# ours\nstorage:\n {2}v/,
    );
  });

  it('keeps each former file, and the application’s own keys are no mistakes', async () => {
    const path = join(await temporaryFolder('switch-'), 'signal-hub.yaml');
    await writeFile(path, SIGNAL_HUB, { mode: 0o600 });
    const kept = [];
    for (const text of ['first: 1\n', `${SIGNAL_HUB}chromadb: {url: 'http://chroma:8000', batch: 5}\n`])
      kept.push(await replaceFile(path, text));
    assert.deepEqual(kept, [`${path}.before-switch`, `${path}.before-switch-2`]);
    assert.equal(await readFile(kept[0] as string, 'utf8'), SIGNAL_HUB);
    assert.deepEqual((await readdir(dirname(path))).length, 3);
    assert.equal(readConfig(path, {}, ['chromadb']).fields.chromadb?.url, 'http://chroma:8000');
  });

  it('understands the guide’s words for what the configuration says', async () => {
    const path = join(await temporaryFolder('switch-'), 'signal-hub.yaml');
    await writeFile(path, 'database:\n  connection: {host: 127.0.0.1, port: 1, database: x, user: u}\n');
    const { code, stderr } = await runCommand(
      ['switch', '--to', 'postgresql', '--target', 'postgresql'],
      {},
      dirname(path),
    );
    assert.equal(code, 1);
    assert.match(stderr, /Postgres at 127\.0\.0\.1:1\/x is not reachable/);
  });

  it('says all that it lacks at once', async () => {
    const { code, stderr } = await runCommand(['switch', '--to', 'chromadb', '--config', '/nowhere.yaml']);
    assert.equal(code, 2);
    assert.match(stderr, /\/nowhere\.yaml/);
    assert.match(stderr, /--target is missing/);
    assert.match(stderr, /--source is missing/);
  });
});
