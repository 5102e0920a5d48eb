-- Saved resets ("banked reset credits"): each empties the limits of its account once. What their operator allows, and
-- when the provider was last asked for the list. No row: nothing is allowed by itself, and nothing was read.
create table reset_banks (
  account_id uuid primary key references accounts (id) on delete cascade,
  is_automatic boolean not null default false,
  keep_credits integer not null default 0,
  min_blocked_minutes integer not null default 60,
  read_at timestamptz
);

-- The list as the provider last gave it.
create table reset_credits (
  account_id uuid not null references accounts (id) on delete cascade,
  credit_id text not null,
  -- The provider's order, by which it would spend them.
  position integer not null,
  status text not null,
  granted_at timestamptz,
  expires_at timestamptz,
  primary key (account_id, credit_id)
);

-- Each try to spend one. The id goes to the provider, which spends nothing twice for the same id, so it is written
-- before anything is sent and used again as long as nobody knows how the try ended.
create table reset_redemptions (
  id uuid primary key,
  account_id uuid not null references accounts (id) on delete cascade,
  credit_id text not null,
  cause text not null,
  started_at timestamptz not null,
  dispatches integer not null default 0,
  -- Until when (database clock) its holder may send; null when nobody holds it.
  claimed_until timestamptz,
  -- Null while nobody knows how it ended.
  outcome text,
  finished_at timestamptz
);
-- One at a time per account, whichever process begins it.
create unique index reset_redemptions_open on reset_redemptions (account_id) where outcome is null;
create index reset_redemptions_newest on reset_redemptions (account_id, started_at desc);
