-- Which tables are live in a schema, and which were before: a collection may be migrated again in another layout.
alter table chroma_migration.published_schemas
  add column layout text not null default 'guide',
  add column previous_layout text not null default 'guide';
