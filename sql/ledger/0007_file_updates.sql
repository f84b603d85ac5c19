-- What `import --update-existing` has made of live tables. The last one of the run whose tables are live says what these
-- must hold; that run's own checksums stay what they were.
create table chroma_migration.file_updates (
  number bigint generated always as identity primary key,
  run text not null,
  schema text not null,
  -- The plan that the run followed: another one of that name is not done because this one is.
  planned_at timestamptz not null,
  -- Run whose tables these are: they come and go with it when versions change places.
  tables_of text not null,
  updated_at timestamptz not null default clock_timestamp(),
  -- Where the certificate lies, and its account of the collection.
  certificate text not null,
  account json not null,
  -- Of the whole table; null if it was not looked at.
  target_checksum numeric(20),
  -- Also the rows that the files do not speak of are as a certificate before said.
  all_certified boolean not null,
  unique (run, schema)
);
