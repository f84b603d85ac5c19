-- The ledger: what each run did. It is the truth; the store and a map's result are not.

create table chroma_migration.runs (
  run text primary key,
  state text not null check (state in ('running', 'succeeded', 'failed')),
  options jsonb not null,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  ended_at timestamptz,
  error jsonb
);

create table chroma_migration.collections (
  run text not null references chroma_migration.runs on delete cascade,
  schema text not null,
  tenant text not null,
  database text not null,
  collection text not null,
  collection_id uuid not null,
  dimension integer,
  space text not null,
  records bigint not null,
  -- Chroma's own words: metadata and configuration, embedding function included.
  metadata jsonb,
  configuration jsonb,
  source_checksum numeric(20),
  target_checksum numeric(20),
  verified_at timestamptz,
  published_at timestamptz,
  primary key (run, schema)
);

-- One run at a time fills a schema.
create table chroma_migration.schema_owners (
  schema text primary key,
  run text not null references chroma_migration.runs on delete cascade,
  since timestamptz not null default now()
);

-- What is live in a schema, and what was before.
create table chroma_migration.published_schemas (
  schema text primary key,
  run text not null,
  collection text not null,
  collection_id uuid not null,
  previous_run text,
  published_at timestamptz not null default now()
);

create table chroma_migration.shards (
  run text not null references chroma_migration.runs on delete cascade,
  schema text not null,
  number integer not null,
  records bigint,
  loaded bigint,
  rejected bigint,
  checksum numeric(20),
  bytes bigint,
  export_started_at timestamptz,
  exported_at timestamptz,
  import_started_at timestamptz,
  imported_at timestamptz,
  primary key (run, schema, number)
);

create table chroma_migration.rejects (
  run text not null references chroma_migration.runs on delete cascade,
  schema text not null,
  shard integer not null,
  record_offset bigint not null,
  source_id text not null,
  reason text not null,
  detail text not null,
  record text not null,
  primary key (run, schema, record_offset)
);

create table chroma_migration.index_builds (
  run text not null references chroma_migration.runs on delete cascade,
  schema text not null,
  index text not null,
  ddl text not null,
  state text not null check (state in ('building', 'valid', 'failed')),
  started_at timestamptz not null default now(),
  finished_at timestamptz,
  error text,
  primary key (run, schema, index)
);

create table chroma_migration.parameter_changes (
  id bigint generated always as identity primary key,
  run text not null references chroma_migration.runs on delete cascade,
  scope text not null check (scope in ('instance', 'database')),
  name text not null,
  old_value text,
  new_value text not null,
  unit text,
  reason text not null,
  needs_reboot boolean not null,
  changed_at timestamptz not null default now(),
  restored_at timestamptz
);
