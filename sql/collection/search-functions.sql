create function {{schema}}.search_nearest({{parameters}}query_embedding vector, match_count integer default 10)
returns table (source_id text, content text, uri text, metadata jsonb, distance double precision)
{{begin}}
  select {{source_id}}, {{content}}, {{uri}}, {{metadata}}, {{chroma_distance}}
    from ({{nearest}}) n{{join}}
   order by n.distance{{end_nearest}};

create function {{schema}}.search_similar(
  {{parameters}}query_embedding vector,
  match_count integer default 10,
  min_similarity double precision default {{min_similarity}}
)
returns table ({{similar_returns}}, similarity double precision)
{{begin}}
  select {{similar_columns}}, {{similarity}}
    from ({{nearest}}) n{{join}}
   where {{similarity}} > {{least}}
   order by n.distance{{end_similar}};
