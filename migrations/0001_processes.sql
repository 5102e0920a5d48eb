-- Server processes that share this database. Each holds a session advisory lock on its number while it lives,
-- so another process can tell "still running" from "died" without comparing clocks.
create table server_processes (
  number integer generated always as identity primary key,
  instance_id uuid not null,
  host_name text not null,
  pid integer not null,
  version text not null,
  started_at timestamptz not null default now()
);

-- One known plaintext sealed per root key and version: a wrong key under a known version label is noticed at start.
create table root_key_canaries (
  root text not null,
  key_version text not null,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamptz not null default now(),
  primary key (root, key_version)
);
