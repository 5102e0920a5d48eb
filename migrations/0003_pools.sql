-- A Pool is the routing and policy boundary that a key points to.
create table pools (
  id uuid primary key,
  slug text not null unique,
  name text not null,
  disabled_at timestamptz,
  created_at timestamptz not null
);
