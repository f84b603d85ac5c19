-- Rows after which the graph was to outgrow the memory of its build, reckoned before it began; null: it was to fit.
alter table chroma_migration.index_builds add column spills_after bigint;
