-- Ids that Chroma held when they were listed and no longer when their records were read.
alter table chroma_migration.shards add column vanished bigint not null default 0;
-- `digests`: the shard's records were compared with the live tables, not loaded.
alter table chroma_migration.shards add column content text not null default 'rows' check (content in ('rows', 'digests'));
-- The run brings the live tables up to date in place; what they then hold, and what of it Chroma no longer does.
alter table chroma_migration.collections add column updates_live boolean not null default false;
alter table chroma_migration.collections add column target_records bigint;
alter table chroma_migration.collections add column kept bigint;
