select n.query::integer, {{source_id}} as source_id, n.distance as farness,
       {{chroma_distance}} as distance, {{magnitude}} as magnitude,
       encode(sha256(vector_send(n.embedding)), 'hex') as vector
  from (select {{carried}}, v.embedding, nearest.query, nearest.distance
          from (select *
                  from (select e.relation, e.row, q.query, q.distance,
                               row_number() over (partition by q.query order by q.distance) as place
                          -- Brought in from beside the table once for all queries: "offset 0" keeps what was made.
                          from (select tableoid as relation, ctid as row, embedding::real[]::vector as embedding
                                  from {{schema}}.{{vectors}}{{sample}} offset 0) e
                         cross join lateral
                               (select u.query, e.embedding {{operator}} u.embedding as distance
                                  from unnest($1::vector[], $2::float8[]) with ordinality u(embedding, most, query)
                                 where e.embedding {{operator}} u.embedding <= u.most offset 0) q) ranked
                 where place <= {{count}}
                 -- There are no more; the planner would expect millions, and hash the whole table for them.
                 limit {{found}}) nearest
          join {{schema}}.{{vectors}} v on v.tableoid = nearest.relation and v.ctid = nearest.row) n
  {{join}}
 order by n.query, n.distance
