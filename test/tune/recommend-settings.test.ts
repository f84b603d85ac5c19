import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { recommendSettings, type TuningInput } from '../../src/tune/recommend-settings.ts';
import { type CurrentSetting, settingBytes } from '../../src/tune/setting-units.ts';
import { graphOf, type Workload } from '../../src/tune/workload.ts';
import { freshDefaults, INSTANCES, rdsDefaults } from './instances.ts';

const GIB = 1024 ** 3;

const collection = (overrides: Partial<Workload> = {}): Workload => ({
  rows: 100_000,
  dimensions: 1536,
  indexMethod: 'hnsw',
  hnsw: { m: 16, efConstruction: 100 },
  efSearch: 100,
  dataBytes: 0.7 * GIB,
  ...overrides,
});
const input = (overrides: Partial<TuningInput> = {}): TuningInput => ({
  memoryBytes: 16 * GIB,
  memoryIsLowerBound: false,
  vcpus: 2,
  workload: [collection()],
  current: rdsDefaults(16 * GIB),
  ...overrides,
});

/** Settings of the server once all that is recommended is in force. */
function inForce(tuning: TuningInput): Map<string, CurrentSetting> {
  const settings = new Map(tuning.current);
  for (const { name, newValue } of recommendSettings(tuning))
    settings.set(name, { ...settings.get(name)!, setting: newValue });
  return settings;
}

/** Bytes taken with all connections busy, all autovacuum workers at work and one index being built. */
function mostMemory(settings: Map<string, CurrentSetting>): number {
  const number = (name: string) => Number(settings.get(name)!.setting);
  const bytes = (name: string) => settingBytes(settings.get(name)!);
  const autovacuum = number('autovacuum_work_mem') < 0 ? 'maintenance_work_mem' : 'autovacuum_work_mem';
  return (
    bytes('shared_buffers') +
    (number('max_connections') + number('max_parallel_workers')) *
      bytes('work_mem') *
      number('hash_mem_multiplier') +
    number('autovacuum_max_workers') * bytes(autovacuum) +
    bytes('maintenance_work_mem')
  );
}

for (const { name, vcpus, memoryBytes } of INSTANCES)
  test(`db.${name}: a server whose connections are all busy has memory for each of them`, () => {
    for (const rows of [0, 1000, 1_000_000, 100_000_000])
      for (const current of [rdsDefaults(memoryBytes), freshDefaults()]) {
        const tuning = input({ memoryBytes, vcpus, current, workload: [collection({ rows })] });
        const most = mostMemory(inForce(tuning));
        assert.ok(most <= memoryBytes, `${most / GIB} of ${memoryBytes / GIB} GiB at ${rows} rows`);
      }
  });

test('the memory suffices whatever the settings were before', () => {
  const settings = fc.record({
    memoryGib: fc.integer({ min: 1, max: 2000 }),
    sharedBuffers: fc.integer({ min: 16, max: 2 ** 28 }),
    maintenance: fc.integer({ min: 1024, max: 2 ** 31 - 1 }),
    autovacuum: fc.oneof(fc.constant(-1), fc.integer({ min: 1024, max: 2 ** 31 - 1 })),
    workMem: fc.integer({ min: 64, max: 2 ** 31 - 1 }),
    connections: fc.integer({ min: 1, max: 5000 }),
    autovacuumWorkers: fc.integer({ min: 1, max: 32 }),
    hash: fc.integer({ min: 1, max: 4 }),
    rows: fc.integer({ min: 0, max: 1e9 }),
  });
  fc.assert(
    fc.property(settings, (drawn) => {
      const memoryBytes = drawn.memoryGib * GIB;
      const current = rdsDefaults(memoryBytes);
      const set = (name: string, value: number) =>
        current.set(name, { ...current.get(name)!, setting: String(value) });
      set('shared_buffers', drawn.sharedBuffers);
      set('maintenance_work_mem', drawn.maintenance);
      set('autovacuum_work_mem', drawn.autovacuum);
      set('work_mem', drawn.workMem);
      // More connections than RDS allows for the memory leave less than the 64 kB that Postgres insists on.
      set('max_connections', Math.min(drawn.connections, Math.floor(memoryBytes / 9_531_392)));
      set('autovacuum_max_workers', drawn.autovacuumWorkers);
      set('hash_mem_multiplier', drawn.hash);
      const tuning = input({ memoryBytes, current, workload: [collection({ rows: drawn.rows })] });
      assert.ok(mostMemory(inForce(tuning)) <= memoryBytes);
    }),
  );
});

test('advice that was followed is not given again', () => {
  for (const current of [rdsDefaults(16 * GIB), freshDefaults()]) {
    const tuning = input({ current });
    assert.deepEqual(recommendSettings({ ...tuning, current: inForce(tuning) }), []);
  }
});

test('while only a lower bound of the memory is known, nothing is made smaller', () => {
  for (const sharedBuffers of [16_384, 524_288, 4_194_304]) {
    const current = freshDefaults();
    current.set('shared_buffers', { ...current.get('shared_buffers')!, setting: String(sharedBuffers) });
    const tuning = input({
      memoryBytes: 4 * sharedBuffers * 8192,
      memoryIsLowerBound: true,
      vcpus: null,
      current,
    });
    for (const { name, oldValue, newValue, reason } of recommendSettings(tuning)) {
      if (name === 'random_page_cost' || name === 'hnsw.iterative_scan' || oldValue === '-1') continue;
      assert.ok(Number(newValue) > Number(oldValue), `${name}: ${oldValue} → ${newValue}`);
      if (name === 'maintenance_work_mem') assert.match(reason, /four times shared_buffers/);
    }
  }
});

test('values are plain numbers in the unit of pg_settings, as RDS takes them', () => {
  const current = freshDefaults();
  const byName = new Map(recommendSettings(input({ current })).map((setting) => [setting.name, setting]));
  assert.deepEqual(
    [byName.get('shared_buffers')?.newValue, byName.get('shared_buffers')?.unit],
    [String((4 * GIB) / 8192), '8kB'],
  );
  assert.equal(byName.get('effective_cache_size')?.newValue, String((12 * GIB) / 8192));
  assert.equal(byName.get('maintenance_work_mem')?.unit, 'kB');
  for (const { newValue, name } of byName.values())
    if (name !== 'hnsw.iterative_scan') assert.match(newValue, /^\d+(\.\d+)?$/);
});

test('only what Postgres reads at its start alone asks for a reboot', () => {
  const asked = recommendSettings(input({ current: freshDefaults() })).filter(
    ({ needsReboot }) => needsReboot,
  );
  assert.deepEqual(
    asked.map(({ name }) => name),
    ['shared_buffers'],
  );
});

test('an RDS instance with its own shared_buffers is not rebooted for a few percent', () => {
  // RDS keeps some of the machine for itself, so a quarter of what is left is less than a quarter of the machine.
  const current = rdsDefaults(15.2 * GIB);
  assert.ok(!recommendSettings(input({ current })).some(({ name }) => name === 'shared_buffers'));
});

test('the largest graph fits the memory of a build where the machine allows it', () => {
  const workload = [collection({ rows: 200_000 }), collection({ rows: 10 })];
  const settings = inForce(input({ memoryBytes: 64 * GIB, current: rdsDefaults(64 * GIB), workload }));
  assert.ok(settingBytes(settings.get('maintenance_work_mem')!) >= graphOf(workload[0]!) - 1024);
});

test('searches look at as many candidates as the most demanding collection needs, within pgvector’s bounds', () => {
  const efSearch = (workload: Workload[]) => inForce(input({ workload })).get('hnsw.ef_search')!.setting;
  assert.equal(efSearch([collection({ efSearch: 100 }), collection({ efSearch: 250 })]), '250');
  assert.equal(efSearch([collection({ efSearch: 5000 })]), '1000');
  assert.equal(efSearch([collection({ efSearch: 10 })]), '40', 'what the server has already stays');
  assert.equal(
    efSearch([collection({ dimensions: null, efSearch: 500 })]),
    '40',
    'an empty collection has no index',
  );
});

test('filtered searches keep the order of distance, and a chosen mode stays', () => {
  const mode = (current: Map<string, CurrentSetting>) =>
    inForce(input({ current })).get('hnsw.iterative_scan')?.setting;
  assert.equal(mode(rdsDefaults(16 * GIB)), 'strict_order');
  const chosen = rdsDefaults(16 * GIB);
  chosen.set('hnsw.iterative_scan', { setting: 'relaxed_order', unit: null, context: 'user' });
  assert.equal(mode(chosen), 'relaxed_order');
});

test('a pgvector before 0.8, which has no iterative scans, is not told to use them', () => {
  const current = rdsDefaults(16 * GIB);
  current.delete('hnsw.iterative_scan');
  assert.ok(!recommendSettings(input({ current })).some(({ name }) => name === 'hnsw.iterative_scan'));
});

test('an ivfflat index is searched in the root of its lists, not in one', () => {
  const workload = [collection({ indexMethod: 'ivfflat', rows: 400_000 })];
  const settings = inForce(input({ workload }));
  assert.equal(settings.get('ivfflat.probes')!.setting, '20');
  assert.equal(settings.get('hnsw.ef_search')!.setting, '40');
});

test('WAL never takes more than a fifth of the smallest RDS disk', () => {
  const settings = inForce(input({ workload: [collection({ rows: 1e9, dataBytes: 1e13 })] }));
  assert.equal(settingBytes(settings.get('max_wal_size')!), 4 * GIB);
});

test('a build never takes more than half of the processors, nor more workers than the server has', () => {
  const workers = (vcpus: number) =>
    Number(inForce(input({ vcpus })).get('max_parallel_maintenance_workers')!.setting);
  assert.equal(workers(2), 2, 'the default stays');
  assert.equal(workers(8), 4);
  assert.equal(workers(192), 8);
});
