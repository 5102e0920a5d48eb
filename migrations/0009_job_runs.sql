-- How each kind of recurring work last went, one row per kind. The queue keeps its own tables in a schema of its own and
-- forgets; these rows stay, are shown, and say when a kind is due again.
create table job_runs (
  name text primary key,
  started_at timestamptz not null,
  finished_at timestamptz,
  outcome text not null,
  -- Class and code of the error, never its message.
  problem text,
  -- In a row.
  failures integer not null default 0,
  -- How many things the run did: accounts read, rows removed.
  done_count bigint,
  succeeded_at timestamptz,
  process_number integer not null,
  -- What the queue calls the run, so that it can be given up when its process died.
  queue_id uuid not null
);
