-- The tables of langchain-postgres' PGVector (langchain_postgres/vectorstores.py), with a dimension so that vectors can
-- be indexed, and one column more. Keys and indexes come after the load.
create table {{schema}}.langchain_pg_collection (
  uuid uuid primary key default gen_random_uuid(),
  name varchar not null unique,
  cmetadata json
);
insert into {{schema}}.langchain_pg_collection (uuid, name, cmetadata)
values ({{collection_id}}, {{collection}}, {{collection_metadata}});
create table {{schema}}.langchain_pg_embedding (
  id varchar not null default gen_random_uuid()::text,
  collection_id uuid default {{collection_id}},
  embedding {{embedding_type}},
  document varchar,
  cmetadata jsonb,
  chroma jsonb
);
comment on column {{schema}}.langchain_pg_embedding.chroma is {{chroma_comment}};
-- The same rows by the names that PGVectorStore has for its columns (langchain_postgres/v2/engine.py).
create view {{schema}}.langchain_documents as
select id as langchain_id, document as content, embedding, cmetadata as langchain_metadata
  from {{schema}}.langchain_pg_embedding
 where collection_id = {{collection_id}};
