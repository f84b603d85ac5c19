select {{carried_candidate}}, c.embedding {{operator}} {{query}} as distance
            from (select {{carried}}, e.embedding
                    from {{schema}}.{{vectors}} e{{condition}}
                   order by {{indexed}} {{indexed_operator}} {{indexed_query}}
                   limit {{count}} * {{candidates}}) c
           order by c.embedding {{operator}} {{query}}
           limit {{count}}
