select c.document_id, c.embedding {{operator}} query_embedding as distance
            from (select e.document_id, e.embedding
                    from {{schema}}.embeddings e
                   order by {{indexed}} {{indexed_operator}} {{indexed_query}}
                   limit match_count * {{candidates}}) c
           order by c.embedding {{operator}} query_embedding
           limit match_count
