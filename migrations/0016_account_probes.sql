-- When an account's limits were last asked for, and how that went.
create table account_probes (
  account_id uuid primary key references accounts (id) on delete cascade,
  asked_at timestamptz not null,
  succeeded_at timestamptz,
  -- A sentence of ours; null when the last question was answered.
  problem text,
  -- In a row.
  failures integer not null default 0
);
