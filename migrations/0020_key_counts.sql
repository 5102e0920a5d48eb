-- A key's use is counted from its first limit on, and its past up to there is summed from the ledger afterwards. Entries
-- have numbers, so that the two meet exactly: those up to `counted_from` are the past, and the ledger's own writes count
-- every later one. While `is_whole` is false the past is not in the sums yet, and the key has no limit.
alter table ledger_entries add column number bigint not null generated always as identity;

create table api_key_counts (
  api_key_id uuid primary key references api_keys (id) on delete cascade,
  counted_from bigint not null,
  is_whole boolean not null
);
insert into api_key_counts select distinct api_key_id, 0, true from api_key_limits;

-- As before, with the number of each entry.
create or replace view api_key_use_parts as
select moved.api_key_id, part.grain, part.starts_at, coalesce(lower(moved.model), '') as model, moved.request_id,
  moved.event, moved.created_at, moved.requests, coalesce(moved.input_tokens, 0) as input_tokens,
  coalesce(moved.output_tokens, 0) as output_tokens, coalesce(moved.total_tokens, 0) as total_tokens,
  coalesce(moved.cost_micros, 0) as cost_micros, moved.number
from ledger_entries moved
join ledger_entries reserved on reserved.request_id = moved.request_id and reserved.event = 'reservation'
cross join lateral (
  values ('second', date_trunc('second', reserved.created_at, 'UTC')),
    ('minute', date_trunc('minute', reserved.created_at, 'UTC')),
    ('hour', date_trunc('hour', reserved.created_at, 'UTC')),
    ('open', timestamptz 'epoch')
) as part (grain, starts_at)
where part.grain <> 'open' or moved.event in ('reservation', 'release');

-- As before, for the keys that are counted instead of those that have limits already.
create or replace function count_api_key_use() returns trigger language plpgsql as $$
begin
  if not exists (select from moved join api_key_counts counted on counted.api_key_id = moved.api_key_id) then
    return null;
  end if;
  insert into api_key_use as sum (api_key_id, grain, starts_at, model, requests, input_tokens, output_tokens,
    total_tokens, cost_micros)
  select part.api_key_id, part.grain, part.starts_at, part.model, sum(part.requests), sum(part.input_tokens),
    sum(part.output_tokens), sum(part.total_tokens), sum(part.cost_micros)
  from moved
  join api_key_use_parts part on part.request_id = moved.request_id and part.event = moved.event
  where exists (select from api_key_counts counted where counted.api_key_id = moved.api_key_id)
  group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (api_key_id, grain, starts_at, model) do update set
    requests = sum.requests + excluded.requests, input_tokens = sum.input_tokens + excluded.input_tokens,
    output_tokens = sum.output_tokens + excluded.output_tokens, total_tokens = sum.total_tokens + excluded.total_tokens,
    cost_micros = sum.cost_micros + excluded.cost_micros;
  return null;
end $$;
