-- Pool API keys. Only the prefix and a SHA-256 of the secret part are kept.
create table api_keys (
  id uuid primary key,
  pool_id uuid not null references pools (id) on delete cascade,
  name text not null,
  prefix text not null unique,
  secret_sha256 bytea not null,
  -- null allows every model, an empty list none.
  allowed_models text[],
  paused_at timestamptz,
  revoked_at timestamptz,
  expires_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz not null
);
