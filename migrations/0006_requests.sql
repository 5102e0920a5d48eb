-- One accounted client call. Metadata only: never a prompt, an answer, a file or a secret.
-- The tables of this file refer to Pools, keys and accounts by id without a foreign key: history outlives what it names
-- (names are kept beside the ids), and four checks per request are a fifth of what recording one costs.
create table requests (
  id uuid primary key,
  pool_id uuid,
  api_key_id uuid,
  api_key_name text not null,
  api_key_prefix text not null,
  process_number integer not null,
  endpoint text not null,
  transport text not null,
  route_class text not null,
  model text,
  requested_tier text,
  reasoning_effort text,
  status text not null,
  usage_status text not null,
  error_code text,
  response_status integer,
  attempt_count integer not null default 0,
  account_id uuid,
  account_label text,
  served_tier text,
  client_address text,
  client_name text,
  request_bytes bigint,
  response_bytes bigint,
  first_byte_ms integer,
  total_ms integer,
  admitted_at timestamptz not null,
  completed_at timestamptz
);
create index requests_by_time on requests (admitted_at desc, id);
create index requests_open on requests (process_number) where status = 'in_progress';

-- One try at one account inside a request.
create table attempts (
  request_id uuid not null,
  number integer not null,
  id uuid not null,
  account_id uuid,
  account_label text not null,
  transport text not null,
  status text not null,
  upstream_status integer,
  error_code text,
  retry_reason text,
  upstream_request_id text,
  first_byte_ms integer,
  total_ms integer,
  started_at timestamptz not null,
  completed_at timestamptz,
  primary key (request_id, number)
);

-- Money and token movement. `event` makes each movement happen once: a request has at most one of each.
-- The ledger outlives the request log (retention differs).
create table ledger_entries (
  request_id uuid not null,
  event text not null,
  usage_status text not null,
  pool_id uuid,
  api_key_id uuid,
  account_id uuid,
  model text,
  requests integer not null,
  input_tokens bigint,
  cached_tokens bigint,
  cache_write_tokens bigint,
  output_tokens bigint,
  reasoning_tokens bigint,
  total_tokens bigint,
  cost_micros numeric(30, 9),
  cost_status text not null,
  created_at timestamptz not null,
  primary key (request_id, event)
);
create index ledger_entries_by_key on ledger_entries (api_key_id, created_at);

-- Hourly sums, written in the settlement transaction; days and weeks are sums of these.
create table usage_hours (
  hour timestamptz not null,
  pool_id uuid,
  api_key_id uuid,
  account_id uuid,
  model text,
  requests bigint not null default 0,
  succeeded bigint not null default 0,
  failed bigint not null default 0,
  cancelled bigint not null default 0,
  rejected bigint not null default 0,
  attempts bigint not null default 0,
  usage_known bigint not null default 0,
  input_tokens bigint not null default 0,
  cached_tokens bigint not null default 0,
  cache_write_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  reasoning_tokens bigint not null default 0,
  total_tokens bigint not null default 0,
  cost_micros numeric(30, 9) not null default 0,
  unique nulls not distinct (hour, pool_id, api_key_id, account_id, model)
);
