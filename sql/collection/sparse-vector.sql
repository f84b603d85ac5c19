-- A sparse vector as Chroma's metadata have it, as pgvector's, which counts from 1; null for what that cannot hold, so
-- that a row is never refused for it. Chroma's have float32s: what is nearer to zero than half the smallest of them is
-- zero, and zeros are left out; what would round to infinity is none of them.
create function {{schema}}.chroma_sparse_vector(value jsonb, dimension integer) returns sparsevec
language sql immutable strict parallel safe
begin atomic
  select case
           when jsonb_typeof(value -> 'indices') = 'array' and jsonb_typeof(value -> 'values') = 'array'
            and coalesce(value -> '#type' = '"sparse_vector"', true)
            and coalesce(bool_and(coalesce(n.index = trunc(n.index) and n.index >= 0 and n.index < dimension
                                           and abs(n.component) < 340282356779733661637539395458142568448, false)), true)
            and count(distinct n.index) = count(*)
            and count(*) filter (where abs(n.component) > 7.006492321624085354618e-46) <= 16000
           then ('{' || coalesce(string_agg(trunc(n.index) + 1 || ':' || n.component, ',' order by n.index)
                                 filter (where abs(n.component) > 7.006492321624085354618e-46), '')
                     || '}/' || dimension)::sparsevec
         end
    from (select case jsonb_typeof(e.index) when 'number' then e.index::numeric end as index,
                 case jsonb_typeof(e.component) when 'number' then e.component::numeric end as component
            from rows from (
                   jsonb_array_elements(case jsonb_typeof(value -> 'indices') when 'array' then value -> 'indices' else '[]' end),
                   jsonb_array_elements(case jsonb_typeof(value -> 'values') when 'array' then value -> 'values' else '[]' end)
                 ) as e (index, component)) n;
end;
