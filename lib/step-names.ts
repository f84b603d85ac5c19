/** The steps in the order of the state machine. Each is `lambdas/<name>.ts`, which exports `handler`. */
export const STEP_NAMES = [
  'plan',
  'prepare-database',
  'export-shard',
  'import-shard',
  'find-unfinished-shards',
  'start-index-build',
  'check-index-build',
  'sample-searches',
  'verify-collection',
  'publish',
  'recommend-parameters',
  'write-report',
] as const;
export type StepName = (typeof STEP_NAMES)[number];
