import type { CurrentSetting } from '../../src/tune/setting-units.ts';

const GIB = 1024 ** 3;

/** RDS instance classes from the smallest to the largest: vCPUs and GiB (Amazon RDS, "DB instance class types"). */
export const INSTANCES: { name: string; vcpus: number; memoryBytes: number }[] = [
  ...family(
    't4g',
    2,
    [
      ['medium', 2],
      ['large', 2],
    ],
    [4, 8],
  ),
  ...family('t4g', 4, [
    ['xlarge', 4],
    ['2xlarge', 8],
  ]),
  ...family('m8g', 4, [
    ['large', 2],
    ['xlarge', 4],
    ['2xlarge', 8],
    ['4xlarge', 16],
    ['8xlarge', 32],
    ['12xlarge', 48],
    ['16xlarge', 64],
    ['24xlarge', 96],
    ['48xlarge', 192],
  ]),
  ...family('r8g', 8, [
    ['large', 2],
    ['xlarge', 4],
    ['2xlarge', 8],
    ['4xlarge', 16],
    ['8xlarge', 32],
    ['12xlarge', 48],
    ['16xlarge', 64],
    ['24xlarge', 96],
    ['48xlarge', 192],
  ]),
  ...family('x2g', 16, [
    ['large', 2],
    ['xlarge', 4],
    ['2xlarge', 8],
    ['4xlarge', 16],
    ['8xlarge', 32],
    ['12xlarge', 48],
    ['16xlarge', 64],
  ]),
];

function family(name: string, gibEach: number, sizes: [string, number][], gib?: number[]) {
  return sizes.map(([size, vcpus], index) => ({
    name: `${name}.${size}`,
    vcpus,
    memoryBytes: (gib?.[index] ?? gibEach * vcpus) * GIB,
  }));
}

const setting = (value: number | string, unit: string | null = null, context = 'user'): CurrentSetting => ({
  setting: String(value),
  unit,
  context,
});

const searchSettings: [string, CurrentSetting][] = [
  ['hnsw.ef_search', setting(40)],
  ['hnsw.iterative_scan', setting('off')],
  ['ivfflat.probes', setting(1)],
];

/** As RDS's default parameter group for PostgreSQL 17 derives them from the instance's memory. */
export function rdsDefaults(memoryBytes: number): Map<string, CurrentSetting> {
  return new Map([
    ['shared_buffers', setting(Math.floor(memoryBytes / 32_768), '8kB', 'postmaster')],
    ['effective_cache_size', setting(Math.floor(memoryBytes / 16_384), '8kB')],
    ['maintenance_work_mem', setting(Math.max(65_536, Math.floor((memoryBytes * 1024) / 63_963_136)), 'kB')],
    ['autovacuum_work_mem', setting(Math.max(131_072, Math.floor(memoryBytes / 32_768)), 'kB', 'sighup')],
    ['work_mem', setting(4096, 'kB')],
    ['max_wal_size', setting(2048, 'MB', 'sighup')],
    ['checkpoint_timeout', setting(300, 's', 'sighup')],
    ['checkpoint_completion_target', setting(0.9, null, 'sighup')],
    ['max_parallel_maintenance_workers', setting(2)],
    ['random_page_cost', setting(4)],
    ['max_connections', setting(Math.min(5000, Math.floor(memoryBytes / 9_531_392)), null, 'postmaster')],
    ['max_worker_processes', setting(8, null, 'postmaster')],
    ['max_parallel_workers', setting(8)],
    [
      'autovacuum_max_workers',
      setting(Math.max(3, Math.floor(memoryBytes / 64_371_566_592)), null, 'postmaster'),
    ],
    ['hash_mem_multiplier', setting(2)],
    ...searchSettings,
  ]);
}

/** As a fresh installation has them, whatever the machine. */
export function freshDefaults(): Map<string, CurrentSetting> {
  return new Map([
    ...rdsDefaults(512 * 1024 ** 2),
    ['shared_buffers', setting(16_384, '8kB', 'postmaster')],
    ['effective_cache_size', setting(524_288, '8kB')],
    ['maintenance_work_mem', setting(65_536, 'kB')],
    ['autovacuum_work_mem', setting(-1, 'kB', 'sighup')],
    ['max_wal_size', setting(1024, 'MB', 'sighup')],
    ['max_connections', setting(100, null, 'postmaster')],
  ]);
}
