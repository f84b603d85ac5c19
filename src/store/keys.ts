/**
 * The layout of the store. A run's objects lie below `runs/<run>/`, so one prefix holds all that there is to
 * know of it, and a lifecycle rule can end it.
 */
const shardFolder = (run: string, schema: string, shard: number) =>
  // Six digits keep a listing in order up to a million shards of 64 MB: 64 TB a collection.
  `runs/${run}/shards/${schema}/${String(shard).padStart(6, '0')}`;

export const keys = {
  plan: (run: string) => `runs/${run}/plan.json`,
  /** The plan without its collections, and each of these by itself: a step that works on one need not read them all. */
  planHead: (run: string) => `runs/${run}/plan-head.json`,
  collectionPlan: (run: string, schema: string) => `runs/${run}/collections/${schema}.json`,
  shards: (run: string) => `runs/${run}/shards.json`,
  /** What the maps go through: batches of shards, of those that are unfinished, of collections. */
  shardBatches: (run: string) => `runs/${run}/shard-batches.json`,
  unfinished: (run: string) => `runs/${run}/unfinished.json`,
  collectionBatches: (run: string) => `runs/${run}/collection-batches.json`,
  searches: (run: string, schema: string) => `runs/${run}/searches/${schema}.json`,
  verification: (run: string, schema: string) => `runs/${run}/verification/${schema}.json`,
  parameters: (run: string) => `runs/${run}/parameters.json`,
  reportJson: (run: string) => `runs/${run}/report.json`,
  reportHtml: (run: string) => `runs/${run}/report.html`,
  /** Which ids Chroma held at the end, as far as they are not those of the plan. */
  changes: (run: string, schema: string) => `runs/${run}/changes/${schema}.json`,
  /** By what Chroma differs from the live tables, and each record that these must hold: id (16), digest (8). */
  delta: (run: string, schema: string) => `runs/${run}/delta/${schema}.json`,
  expected: (run: string, schema: string) => `runs/${run}/delta/${schema}.digests.bin`,
  /** Of tables that files were added to: the records that these hold, by id and digest, and the ids of all others. */
  ofFiles: (run: string, schema: string) => `runs/${run}/delta/${schema}.files.digests.bin`,
  keptIds: (run: string, schema: string) => `runs/${run}/delta/${schema}.kept.jsonl`,
  certificate: (run: string) => `runs/${run}/certificate.json`,
  ids: (run: string, schema: string, shard: number) => `${shardFolder(run, schema, shard)}/ids.jsonl`,
  vanished: (run: string, schema: string, shard: number) =>
    `${shardFolder(run, schema, shard)}/vanished.jsonl`,
  manifest: (run: string, schema: string, shard: number) =>
    `${shardFolder(run, schema, shard)}/manifest.json`,
  documents: (run: string, schema: string, shard: number) =>
    `${shardFolder(run, schema, shard)}/documents.pgcopy`,
  embeddings: (run: string, schema: string, shard: number) =>
    `${shardFolder(run, schema, shard)}/embeddings.pgcopy`,
  rows: (run: string, schema: string, shard: number) => `${shardFolder(run, schema, shard)}/rows.pgcopy`,
  records: (run: string, schema: string, shard: number) => `${shardFolder(run, schema, shard)}/records.jsonl`,
  digests: (run: string, schema: string, shard: number) => `${shardFolder(run, schema, shard)}/digests.bin`,
  rejects: (run: string, schema: string, shard: number) => `${shardFolder(run, schema, shard)}/rejects.jsonl`,
};
