select {{carried}}, e.embedding {{operator}} {{query}} as distance
            from {{schema}}.{{vectors}} e{{condition}}
           order by e.embedding {{operator}} {{query}}
           limit {{count}}
