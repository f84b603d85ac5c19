-- A rejected record that was repaired is in the tables: what was done to it, its row, and the digest of what the
-- tables hold. `record` stays what Chroma sent, so that each repair can be undone.
alter table chroma_migration.rejects
  add column repair text,
  add column row_id uuid,
  add column digest bigint;
