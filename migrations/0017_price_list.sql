-- The newest price list that was fetched and is fit to use; at most one row. The bundled list is a file of the program.
create table price_list (
  is_only boolean primary key default true check (is_only),
  as_of date not null,
  body jsonb not null,
  fetched_at timestamptz not null
);
