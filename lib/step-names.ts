/** The steps in the order of the state machine. Each is `lambdas/<name>.ts`, which exports `handler`. */
export const STEP_NAMES = [
  'plan',
  'prepare-database',
  'choose-import-profile',
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

/** Functions beside the state machine, which the deployment or the end of an execution calls; in `lambdas/` as well. */
export const HELPER_NAMES = [
  'find-prefix-list',
  'grant-database-access',
  'create-database-user',
  'restore-parameters',
  'report-failure',
  'send-notice',
] as const;
export type HelperName = (typeof HELPER_NAMES)[number];

export type FunctionName = StepName | HelperName;
