select e.document_id, e.embedding {{operator}} query_embedding as distance
            from {{schema}}.embeddings e
           order by e.embedding {{operator}} query_embedding
           limit match_count
