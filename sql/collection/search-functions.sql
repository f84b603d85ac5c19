-- Bodies in SQL-standard form: they know their tables by identity, so they survive the move to another schema.
-- Without a SET clause, so that Postgres inlines them and plans the index for the very limit that is asked for.
create function {{schema}}.search_nearest(query_embedding vector, match_count integer default 10)
returns table (source_id text, content text, uri text, metadata jsonb, distance double precision)
language sql stable parallel safe
begin atomic
  select d.source_id, d.content, d.uri, d.metadata, {{chroma_distance}}
    from ({{nearest}}) n
    join {{schema}}.documents d on d.id = n.document_id
   order by n.distance;
end;
comment on function {{schema}}.search_nearest is {{nearest_comment}};

create function {{schema}}.search_similar(
  query_embedding vector,
  match_count integer default 10,
  min_similarity double precision default {{min_similarity}}
)
returns table (document_id uuid, file_path text, content text, similarity double precision)
language sql stable parallel safe
begin atomic
  select d.id, d.file_path, d.content, {{similarity}}
    from ({{nearest}}) n
    join {{schema}}.documents d on d.id = n.document_id
   where {{similarity}} > min_similarity
   order by n.distance;
end;
comment on function {{schema}}.search_similar is {{similar_comment}};
