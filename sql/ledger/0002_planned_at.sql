-- Which plan a run follows: the store may have been changed for another, in which a run of that name was planned anew.
alter table chroma_migration.runs add column planned_at timestamptz;
