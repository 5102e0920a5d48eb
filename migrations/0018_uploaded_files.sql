-- Files that clients uploaded through here: what their lists show. Never a name or a byte of them.
create table uploaded_files (
  id text not null,
  key_id uuid not null references api_keys (id) on delete cascade,
  account_id uuid not null references accounts (id) on delete cascade,
  size_bytes integer not null,
  purpose text not null,
  -- A word of the program's own list, or nothing.
  extension text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (key_id, id)
);
create index uploaded_files_by_expiry on uploaded_files (expires_at);
