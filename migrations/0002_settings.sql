-- Settings an operator changed. Names, schemas and defaults live in server/contract/settings.ts; a name without a row
-- has its default.
create table settings (
  name text primary key,
  value jsonb not null,
  changed_at timestamptz not null default now(),
  changed_by text not null
);

-- Who changed what. Append-only; details hold only fields that the action's own schema names.
create table audit_events (
  id uuid primary key,
  occurred_at timestamptz not null,
  actor text not null,
  action text not null,
  target_type text,
  target_id text,
  outcome text not null,
  error_code text,
  request_id text,
  details jsonb not null default '{}'
);
create index audit_events_by_time on audit_events (occurred_at desc, id);
