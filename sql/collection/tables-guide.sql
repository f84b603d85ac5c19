-- One collection: the guide's tables, with the columns that a Chroma record needs besides.
-- Keys and indexes come after the load.
create table {{schema}}.documents (
  {{collection}}id uuid not null,
  source_id text not null,
  file_path text,
  content text,
  chunk_index integer,
  start_line integer,
  end_line integer,
  language text,
  uri text,
  metadata jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
){{partition}};
create table {{schema}}.embeddings (
  {{collection}}id uuid not null,
  document_id uuid not null,
  embedding {{embedding_type}} not null,
  model text default {{model}},
  created_at timestamptz not null default now()
){{partition}};
