-- How a Pool routes. Columns of the Pool itself, so no Pool can be without; the defaults are those of
-- `defaultPoolRouting` in the contract.
alter table pools
  add column strategy text not null default 'bridge_ring',
  add column ring_size integer not null default 3,
  add column floor_percent integer not null default 5,
  add column sticky_websocket boolean not null default true,
  add column sticky_http boolean not null default false,
  add column prompt_cache_affinity boolean not null default true,
  add column v1_compatibility boolean not null default true,
  add column request_compression boolean not null default false,
  add column image_generation boolean not null default true;

-- A model that this Pool serves otherwise than its list says; no row means as the list says.
create table pool_serving_modes (
  pool_id uuid not null references pools (id) on delete cascade,
  -- In lower case.
  model text not null,
  mode text not null,
  primary key (pool_id, model)
);
