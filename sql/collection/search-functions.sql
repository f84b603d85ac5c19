-- Bodies in SQL-standard form: they know their tables by identity, so they survive the move to another schema.
-- Without a SET clause, so that Postgres inlines them and plans the index for the very limit that is asked for.
create function {{schema}}.search_nearest({{parameters}}query_embedding vector, match_count integer default 10)
returns table (source_id text, content text, uri text, metadata jsonb, distance double precision)
language sql stable parallel safe
begin atomic
  select {{source_id}}, {{content}}, {{uri}}, {{metadata}}, {{chroma_distance}}
    from ({{nearest}}) n{{join}}
   order by n.distance;
end;
comment on function {{schema}}.search_nearest is {{nearest_comment}};

create function {{schema}}.search_similar(
  {{parameters}}query_embedding vector,
  match_count integer default 10,
  min_similarity double precision default {{min_similarity}}
)
returns table ({{similar_returns}}, similarity double precision)
language sql stable parallel safe
begin atomic
  select {{similar_columns}}, {{similarity}}
    from ({{nearest}}) n{{join}}
   where {{similarity}} > min_similarity
   order by n.distance;
end;
comment on function {{schema}}.search_similar is {{similar_comment}};
