comment on function {{schema}}.search_nearest is {{nearest_comment}};
comment on function {{schema}}.search_similar is {{similar_comment}};
