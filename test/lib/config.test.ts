import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Node, RootConstruct } from 'constructs';
import { parse } from 'yaml';
import { parseConfig } from '../../lib/config.ts';
import { FIELDS, NESTED } from '../../lib/config-fields.ts';
import { type ConfigSources, gatherConfig } from '../../lib/config-sources.ts';
import { functionsOf, synthesize } from './synthesize.ts';

describe('the configuration', () => {
  it('has a default for everything but the Chroma server', () => {
    const config = parseConfig({});
    assert.ok(Object.values(config).every((value) => value !== undefined));
    assert.equal(config.chromaUrlGiven, false);
  });

  it('takes numbers, truths and lists as the command line gives them, as text', () => {
    const config = parseConfig({ storageGib: '250', multiAz: 'true', chromaTenants: 'a, b' });
    assert.equal(config.storageGib, 250);
    assert.equal(config.multiAz, true);
    assert.deepEqual(config.chromaTenants, ['a', 'b']);
  });

  it('names all mistakes at once, each by itself or between two, with the value and what would be right', () => {
    const mistaken = {
      chromaUrl: 'chroma:8000',
      instanceClass: 'db.r7g.large!',
      storageGib: '5',
      databaseName: 'My-Data',
      multiAz: 'perhaps',
      postgresVersion: 16,
      logRetentionDays: 91,
      vpc: { id: 'vpc-1', availabilityZones: 'a,b', subnetIds: ['subnet-1'], subnets: [] },
      existingDatabase: { endpoint: 'https://db' },
      alarmEmail: 'nobody',
      tenant: 't',
      chromaNetwork: 'vpc',
    };
    const message = messageOf(() => parseConfig(mistaken));
    for (const line of [
      'chromaUrl = "chroma:8000": use http://host:port',
      'instanceClass = "db.r7g.large!": use a class such as',
      'storageGib = "5": use 20 or more',
      'databaseName = "My-Data": use lower-case',
      'multiAz = "perhaps": use true or false',
      'postgresVersion = 16: use 17 or 18',
      'logRetentionDays = 91: use a number that CloudWatch knows',
      'vpc.subnets = ',
      'existingDatabase.endpoint = "https://db": use the name of the host alone',
      'existingDatabase.secretArn = (nothing): use an ARN',
      'alarmEmail = "nobody": use an address',
      'tenant = …: there is no such setting',
      'chromaNetwork = "vpc": name the security group of Chroma',
    ])
      assert.ok(message.includes(line), `${line}\nis not in\n${message}`);
  });

  it('shows no secret that was written where none belongs, in whatever way it is mistaken', () => {
    const secret = 'hunter2';
    const settings = [
      { chromaUrl: `https://user:${secret}@host` },
      { chromaUrl: `https://user:${secret}/x@host` },
      { chromaUrl: `user:${secret}@host:8000` },
      { chromaSecretArn: secret },
      { chromaToken: secret },
      { chromaHeaders: { 'x-chroma-token': secret } },
      { existingDatabase: { secretArn: secret, password: secret } },
      { alarmEmail: 'nobody', chromaUrl: `ftp://${secret}@host` },
    ];
    for (const one of settings) {
      const message = messageOf(() => parseConfig(one));
      assert.ok(!message.includes(secret), message);
    }
    const folder = mkdtempSync(join(tmpdir(), 'config-secret-'));
    mkdirSync(join(folder, 'config'));
    writeFileSync(join(folder, 'config', 'mine.yaml'), `chromaUrl: a: ${secret}\nchromaToken: [${secret}\n`);
    const message = messageOf(() =>
      gatherConfig(new RootConstruct().node, { environment: { CHROMA_TO_PGVECTOR_CONFIG: 'mine' }, folder }),
    );
    rmSync(folder, { recursive: true });
    assert.match(message, /mine\.yaml is no YAML: /);
    assert.ok(!message.includes(secret), message);
  });

  for (const [why, settings, sentence] of [
    [
      'a storage limit below the storage',
      { storageGib: 500, maxStorageGib: 100 },
      /maxStorageGib = 100: .*500/,
    ],
    ['an existing database without its VPC', { existingDatabase: existingDatabase() }, /name that as vpc/],
    ['a subnet without its zone', { vpc: vpc({ availabilityZones: ['a'] }) }, /one subnet for each/],
    [
      'a single zone for a new database',
      { vpc: vpc({ availabilityZones: ['a'], subnetIds: ['subnet-1'] }) },
      /two zones/,
    ],
    [
      'half of what tuning an existing instance takes',
      { vpc: vpc(), existingDatabase: existingDatabase({ parameterGroup: 'mine' }) },
      /name both instanceIdentifier and parameterGroup/,
    ],
    [
      'tuning an instance whose parameter group is not named',
      { vpc: vpc(), existingDatabase: existingDatabase(), tune: 'apply' },
      /tune = "apply": name existingDatabase.parameterGroup/,
    ],
  ] as const)
    it(`refuses ${why}`, () =>
      assert.match(
        messageOf(() => parseConfig(settings)),
        sentence,
      ));

  it('refuses credentials in an address, which the template would show, and does not repeat them', () => {
    const message = messageOf(() => parseConfig({ chromaUrl: 'https://user:opensesame@chroma.test' }));
    assert.match(message, /chromaSecretArn/);
    assert.doesNotMatch(message, /opensesame/);
  });

  it("tunes an instance of its own, and of somebody else's only the search settings, unless told", () => {
    assert.equal(parseConfig({}).tune, 'apply');
    const theirs = { vpc: vpc(), existingDatabase: existingDatabase() };
    assert.equal(parseConfig(theirs).tune, 'search');
    assert.equal(parseConfig({ ...theirs, tune: 'off' }).tune, 'off');
  });

  it('cannot be changed by those who read it', () => {
    const config = parseConfig({ vpc: vpc() });
    assert.throws(() => Object.assign(config, { chromaUrl: 'http://elsewhere' }), TypeError);
    assert.throws(() => Object.assign(config.vpc!, { id: 'vpc-2' }), TypeError);
  });
});

describe('where the configuration comes from', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'config'));
  const file = (name: string, text: string) => writeFileSync(join(folder, 'config', `${name}.yaml`), text);
  const gather = (context: Record<string, unknown>, sources: ConfigSources = {}) => {
    const root = new RootConstruct();
    for (const [key, value] of Object.entries(context)) Node.of(root).setContext(key, value);
    return gatherConfig(root.node, { folder, ...sources });
  };

  it('is the command line before the environment before the file, setting by setting', () => {
    file('all', 'storageGib: 1\nmultiAz: true\nconcurrency: 3\nvpc:\n  id: vpc-f\n  subnetIds: [subnet-f]\n');
    const gathered = gather(
      { config: 'all', storageGib: '3', 'vpc.id': 'vpc-c' },
      { environment: { CHROMA_TO_PGVECTOR_STORAGE_GIB: '2', CHROMA_TO_PGVECTOR_CONCURRENCY: '2' } },
    );
    assert.equal(gathered.storageGib, '3');
    assert.equal(gathered.concurrency, '2');
    assert.equal(gathered.multiAz, true);
    assert.deepEqual(gathered.vpc, { id: 'vpc-c', subnetIds: ['subnet-f'] });
  });

  it('reads no file unless one is named, and says so if the named one is not there or is no YAML', () => {
    assert.deepEqual(
      Object.values(gather({})).filter((value) => value !== undefined),
      [],
    );
    assert.match(
      messageOf(() => gather({ config: 'none' })),
      /no configuration "none"/,
    );
    assert.match(
      messageOf(() => gather({ config: '../secret' })),
      /no configuration/,
    );
    file('broken', 'a: [');
    assert.match(
      messageOf(() => gather({ config: 'broken' })),
      /broken.yaml is no YAML/,
    );
  });

  it('refuses a setting of the file that does not exist, which a typing mistake makes', () => {
    file('typo', 'storageGiB: 100\n');
    assert.match(
      messageOf(() => parseConfig(gather({ config: 'typo' }))),
      /storageGiB = …: there is no such setting/,
    );
  });

  it('has an example whose values are the defaults, and which names every setting', () => {
    const example = readFileSync(
      fileURLToPath(new URL('../../config/example.yaml', import.meta.url)),
      'utf8',
    );
    const { chromaUrl, ...said } = parse(example);
    const defaults = parseConfig({}) as unknown as Record<string, unknown>;
    for (const [key, value] of Object.entries(said)) assert.deepEqual(value, defaults[key], key);
    assert.equal(chromaUrl, defaults.chromaUrl);
    for (const key of [...Object.keys(FIELDS), ...Object.values(NESTED).flatMap(Object.keys)])
      assert.match(example, new RegExp(`^(# *)?${key}:`, 'm'));
  });
});

describe('an app without a Chroma server', () => {
  it('synthesizes, and says how to name one', () => {
    const { stack } = synthesize();
    Annotations.fromStack(stack).hasWarning(
      '/ChromaToPgvector/Default',
      Match.stringLikeRegexp('-c chromaUrl='),
    );
  });

  it('is silent once there is one, and reads from it', () => {
    const { stack, template } = synthesize({ chromaUrl: 'https://chroma.test:8000' });
    assert.deepEqual(Annotations.fromStack(stack).findWarning('*', Match.anyValue()), []);
    for (const step of ['plan', 'export-shard', 'sample-searches'])
      assert.equal(
        functionsOf(template).get(step)?.Environment.Variables.CHROMA_URL,
        'https://chroma.test:8000',
      );
  });
});

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as Error).message;
  }
  assert.fail('it was accepted');
}

function vpc(changes: object = {}) {
  return { id: 'vpc-1', availabilityZones: ['a', 'b'], subnetIds: ['subnet-1', 'subnet-2'], ...changes };
}

function existingDatabase(changes: object = {}) {
  return {
    endpoint: 'db.example.com',
    securityGroupId: 'sg-1',
    resourceId: 'db-ABC',
    secretArn: 'arn:aws:secretsmanager:eu-central-1:111122223333:secret:master-AbCdEf',
    ...changes,
  };
}
