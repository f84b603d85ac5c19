-- One collection in one table. Key and indexes come after the load.
create table {{schema}}.records (
  id text not null,
  document text,
  metadata jsonb,
  embedding {{embedding_type}} not null,
  uri text
);
