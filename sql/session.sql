-- A role or a database may have settings of its own. These are what the program's statements rely on: nothing is
-- changed where they are as Postgres brings them.
select set_config(name, value, false)
  from (values
         -- Loads, checksums and index builds take as long as they take.
         ('statement_timeout', '0'),
         ('transaction_timeout', '0'),
         ('lock_timeout', '0'),
         ('idle_in_transaction_session_timeout', '0'),
         ('idle_session_timeout', '0'),
         ('default_transaction_isolation', 'read committed'),
         ('standard_conforming_strings', 'on'),
         -- Times and distances that the driver reads.
         ('datestyle', 'ISO, MDY'),
         ('extra_float_digits', '1')) as needed (name, value)
 -- Older servers do not know all of them.
 where current_setting(name, true) <> value
union all
-- The extension may have a schema of its own, for one "extensions".
select set_config('search_path', quote_ident(n.nspname), false)
  from pg_extension e
  join pg_namespace n on n.oid = e.extnamespace
  join pg_type t on t.typnamespace = n.oid and t.typname = 'vector'
 where e.extname = 'vector' and not pg_type_is_visible(t.oid)
