-- One ChatGPT/Codex login. One person may have several workspaces, so identity is (user, account), never the e-mail.
create table accounts (
  id uuid primary key,
  label text not null,
  email text,
  chatgpt_account_id text not null,
  chatgpt_user_id text,
  plan text,
  residency text,
  is_fedramp boolean not null default false,
  onboarding text not null,
  status text not null,
  status_reason text,
  status_changed_at timestamptz not null,
  -- From accounts/check: where this workspace wants its inference, null for the provider's default.
  backend_origin text,
  routing_override text,
  access_token_expires_at timestamptz,
  -- Rises with every stored credential; a caller that saw a 401 compares it before asking for another refresh.
  credential_epoch integer not null default 1,
  -- The claim to refresh: a fencing number, and until when (database clock) the claim holds.
  refresh_fence bigint not null default 0,
  refresh_claimed_until timestamptz,
  -- Set when a refresh was sent and its answer never arrived: the stored refresh token may be spent.
  refresh_uncertain_at timestamptz,
  refresh_failures integer not null default 0,
  refresh_not_before timestamptz,
  refreshed_at timestamptz,
  created_at timestamptz not null,
  deleted_at timestamptz
);
create unique index accounts_identity on accounts (chatgpt_account_id, coalesce(chatgpt_user_id, '')) where deleted_at is null;

-- Tokens, sealed with the upstream root key. The ciphertext is bound to its row by additional authenticated data.
create table account_secrets (
  account_id uuid not null references accounts (id) on delete cascade,
  kind text not null,
  key_version text not null,
  nonce bytea not null,
  ciphertext bytea not null,
  written_at timestamptz not null,
  primary key (account_id, kind)
);

-- An account placed in a Pool.
create table pool_accounts (
  pool_id uuid not null references pools (id) on delete cascade,
  account_id uuid not null references accounts (id) on delete cascade,
  status text not null default 'enabled',
  created_at timestamptz not null,
  primary key (pool_id, account_id)
);

-- The newest reading of one provider limit: `meter` is `codex` for the account's own limit, else the provider's limit id.
-- window_minutes 0 means the provider said "used up until" without saying how long the window is.
create table quota_windows (
  account_id uuid not null references accounts (id) on delete cascade,
  meter text not null,
  window_minutes integer not null,
  used_percent real not null,
  reset_at timestamptz,
  observed_at timestamptz not null,
  source text not null,
  primary key (account_id, meter, window_minutes)
);

-- What the usage endpoint says of an account beside its windows.
create table account_credits (
  account_id uuid primary key references accounts (id) on delete cascade,
  has_credits boolean not null,
  unlimited boolean not null,
  balance text,
  observed_at timestamptz not null
);

-- The provider's model list for one account, byte for byte as it came.
create table account_catalogs (
  account_id uuid primary key references accounts (id) on delete cascade,
  body bytea not null,
  etag text,
  client_version text not null,
  fetched_at timestamptz not null
);
