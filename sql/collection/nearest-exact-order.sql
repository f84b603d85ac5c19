select {{carried}}, e.embedding {{operator}} query_embedding as distance
            from {{schema}}.{{vectors}} e{{condition}}
           order by e.embedding {{operator}} query_embedding
           limit match_count
