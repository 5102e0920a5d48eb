-- Who made a piece of encrypted state that only its maker can read. Holds hashes, never the state itself.
create table continuity_anchors (
  hash bytea primary key,
  kind text not null,
  account_id uuid not null references accounts (id) on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index continuity_anchors_by_expiry on continuity_anchors (expires_at);
