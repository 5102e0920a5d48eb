-- How much a key may use, and how much it has used. A limit is a unit, a window and a scope; all of a key's limits hold
-- side by side. Keys without limits have no rows here and take no locks.
create table api_key_limits (
  id uuid primary key,
  api_key_id uuid not null references api_keys (id) on delete cascade,
  -- In lower case; null is the whole key.
  model text,
  unit text not null,
  limit_window text not null,
  maximum bigint not null,
  created_at timestamptz not null,
  unique nulls not distinct (api_key_id, model, unit, limit_window)
);

-- Sums of the ledger for keys with limits, by the moment their requests were admitted: what is set aside or settled for
-- them by now. `open` has one row per model, for what runs at this moment. No foreign key: settling must not fail
-- because a key was deleted; rows that are out of every window are removed by age.
create table api_key_use (
  api_key_id uuid not null,
  grain text not null,
  starts_at timestamptz not null,
  -- In lower case; empty where the request named none that is fit to be kept.
  model text not null,
  requests bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  total_tokens bigint not null,
  cost_micros numeric(30, 9) not null,
  primary key (api_key_id, grain, starts_at, model)
) with (fillfactor = 70);

-- What the sums above are sums of: each ledger entry, in each sum it belongs to. A request counts in the moment it was
-- admitted, whenever it is settled, so settling moves no use from one window into another.
create view api_key_use_parts as
select moved.api_key_id, part.grain, part.starts_at, coalesce(lower(moved.model), '') as model, moved.request_id,
  moved.event, moved.created_at, moved.requests, coalesce(moved.input_tokens, 0) as input_tokens,
  coalesce(moved.output_tokens, 0) as output_tokens, coalesce(moved.total_tokens, 0) as total_tokens,
  coalesce(moved.cost_micros, 0) as cost_micros
from ledger_entries moved
join ledger_entries reserved on reserved.request_id = moved.request_id and reserved.event = 'reservation'
cross join lateral (
  values ('second', date_trunc('second', reserved.created_at, 'UTC')),
    ('minute', date_trunc('minute', reserved.created_at, 'UTC')),
    ('hour', date_trunc('hour', reserved.created_at, 'UTC')),
    ('open', timestamptz 'epoch')
) as part (grain, starts_at)
where part.grain <> 'open' or moved.event in ('reservation', 'release');

-- Keeps the sums true, whoever writes the ledger. Rows are taken in one order, so that writers never wait in a circle.
create function count_api_key_use() returns trigger language plpgsql as $$
begin
  if not exists (select from moved join api_key_limits held on held.api_key_id = moved.api_key_id) then
    return null;
  end if;
  insert into api_key_use as sum (api_key_id, grain, starts_at, model, requests, input_tokens, output_tokens,
    total_tokens, cost_micros)
  select part.api_key_id, part.grain, part.starts_at, part.model, sum(part.requests), sum(part.input_tokens),
    sum(part.output_tokens), sum(part.total_tokens), sum(part.cost_micros)
  from moved
  join api_key_use_parts part on part.request_id = moved.request_id and part.event = moved.event
  where exists (select from api_key_limits held where held.api_key_id = moved.api_key_id)
  group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (api_key_id, grain, starts_at, model) do update set
    requests = sum.requests + excluded.requests, input_tokens = sum.input_tokens + excluded.input_tokens,
    output_tokens = sum.output_tokens + excluded.output_tokens, total_tokens = sum.total_tokens + excluded.total_tokens,
    cost_micros = sum.cost_micros + excluded.cost_micros;
  return null;
end $$;
create trigger ledger_entries_counted after insert on ledger_entries
referencing new table as moved for each statement execute function count_api_key_use();

-- Which sums a window is made of at a moment: those of one grain that start in [since, until) count, and with `lasts`
-- each ends to count that long after it started. Windows of the calendar end as a whole, so theirs is null.
create function api_key_window(limit_window text, at timestamptz, out grain text, out since timestamptz,
  out until timestamptz, out lasts interval)
language sql stable as $$
  select
    case limit_window when 'minute' then 'second' when 'five_hours' then 'minute' when 'now' then 'open' else 'hour' end,
    case limit_window
      when 'minute' then date_trunc('second', at - interval '60 seconds', 'UTC')
      when 'five_hours' then date_trunc('minute', at - interval '5 hours', 'UTC')
      when 'day' then date_trunc('day', at, 'UTC')
      when 'week' then date_trunc('hour', at - interval '168 hours', 'UTC')
      when 'month' then date_trunc('month', at, 'UTC')
      when 'now' then timestamptz 'epoch'
    end,
    case limit_window
      when 'day' then date_trunc('day', at, 'UTC') + interval '24 hours'
      when 'month' then (date_trunc('month', at at time zone 'UTC') + interval '1 month') at time zone 'UTC'
      else timestamptz 'infinity'
    end,
    case limit_window
      when 'minute' then interval '61 seconds'
      when 'five_hours' then interval '5 hours 1 minute'
      when 'week' then interval '169 hours'
    end
$$;

-- One sum in the unit of a limit.
create function api_key_use_in(unit text, used api_key_use) returns numeric language sql immutable as $$
  select case unit
    when 'input_tokens' then used.input_tokens
    when 'output_tokens' then used.output_tokens
    when 'total_tokens' then used.total_tokens
    when 'cost_micros' then used.cost_micros
    else used.requests
  end
$$;

-- What is used of a limit at a moment.
create function api_key_limit_used(held api_key_limits, at timestamptz) returns numeric language sql stable as $$
  select coalesce(sum(api_key_use_in(held.unit, used)), 0)
  from api_key_window(held.limit_window, at) reach
  join api_key_use used on used.api_key_id = held.api_key_id and used.grain = reach.grain
    and used.starts_at >= reach.since and used.starts_at < reach.until
  where held.limit_window <> 'request' and (held.model is null or used.model = held.model)
$$;

-- When so much more fits into a limit if nothing else is used; null when that is never. What runs now may end any time.
create function api_key_limit_free_at(held api_key_limits, at timestamptz, used numeric, wanted numeric)
returns timestamptz language sql stable as $$
  select case
    when wanted > held.maximum then null
    when used + wanted <= held.maximum or held.limit_window = 'now' then at
    when reach.lasts is null then reach.until
    else coalesce(
      (
        select min(leaving.starts_at) + reach.lasts
        from (
          select past.starts_at, sum(sum(api_key_use_in(held.unit, past))) over (order by past.starts_at) as freed
          from api_key_use past
          where past.api_key_id = held.api_key_id and past.grain = reach.grain and past.starts_at >= reach.since
            and (held.model is null or past.model = held.model)
          group by past.starts_at
        ) as leaving
        where used - leaving.freed + wanted <= held.maximum
      ),
      at + reach.lasts
    )
  end
  from api_key_window(held.limit_window, at) reach
$$;

-- Which of these requests do not fit into their key's limits, and what is in the way. Each key's requests are looked at
-- in their order, one caller at a time per key: the lock is held until the caller's reservations are visible to the
-- next, and each query below sees what was committed before it began. Callers pass requests of limited keys only.
create function refused_by_limits(items jsonb) returns table (id uuid, refusal jsonb) language plpgsql strict as $$
declare
  item record;
  key uuid;
  held api_key_limits[];
  since timestamptz[];
  counted numeric[];
  taken numeric[];
  n int := 0;
  start timestamptz;
  ending timestamptz;
  asked api_key_use;
  amount numeric;
  used numeric;
  free_at timestamptz;
  worst_at timestamptz;
begin
  perform pg_advisory_xact_lock(7340003, locks.number) from (
    select distinct hashtext("keyId"::text) as number from jsonb_to_recordset(items) as x("keyId" uuid) order by 1
  ) as locks;
  for item in
    select each.* from rows from (
      jsonb_to_recordset(items) as (
        "requestId" uuid, "keyId" uuid, model text, "admittedAt" timestamptz, "inputTokens" bigint,
        "outputTokens" bigint, "totalTokens" bigint, "costMicros" numeric
      )
    ) with ordinality as each("requestId", "keyId", model, "admittedAt", "inputTokens", "outputTokens",
      "totalTokens", "costMicros", place)
    -- What stands already was let in before; its writer asks again because it did not hear the answer.
    where not exists (select from ledger_entries entry where entry.request_id = each."requestId")
    order by each."keyId", each."admittedAt", each.place
  loop
    if key is distinct from item."keyId" then
      key := item."keyId";
      select array_agg(limits order by limits.id) into held from api_key_limits limits where limits.api_key_id = key;
      n := coalesce(cardinality(held), 0);
      since := array_fill(null::timestamptz, array[n]);
      counted := array_fill(0::numeric, array[n]);
      taken := array_fill(0::numeric, array[n]);
    end if;
    id := item."requestId";
    refusal := null;
    asked := (key, '', item."admittedAt", coalesce(lower(item.model), ''), 1, coalesce(item."inputTokens", 0),
      coalesce(item."outputTokens", 0), coalesce(item."totalTokens", 0), coalesce(item."costMicros", 0))::api_key_use;
    for i in 1..n loop
      continue when held[i].model <> asked.model;
      -- This one lowers what is set aside; it does not refuse.
      continue when held[i].limit_window = 'request' and held[i].unit = 'output_tokens';
      select reach.since, reach.until into start, ending
      from api_key_window(held[i].limit_window, item."admittedAt") reach;
      if since[i] is distinct from start then
        counted[i] := api_key_limit_used(held[i], item."admittedAt");
        -- A new day or month begins empty; other windows only slide on.
        if ending < 'infinity' then taken[i] := 0; end if;
        since[i] := start;
      end if;
      amount := api_key_use_in(held[i].unit, asked);
      used := case when held[i].limit_window = 'request' then 0 else counted[i] + taken[i] end;
      continue when used + amount <= held[i].maximum;
      free_at := api_key_limit_free_at(held[i], item."admittedAt", used, amount);
      -- Of several limits in the way, the one that is so for longest is told.
      if refusal is null or worst_at is not null and (free_at is null or free_at > worst_at) then
        worst_at := free_at;
        refusal := jsonb_build_object('unit', held[i].unit, 'window', held[i].limit_window, 'model', held[i].model,
          'maximum', held[i].maximum, 'used', ceil(used), 'attempted', ceil(amount), 'freeAt', free_at);
      end if;
    end loop;
    if refusal is not null then
      return next;
      continue;
    end if;
    for i in 1..n loop
      continue when held[i].model <> asked.model;
      taken[i] := taken[i] + api_key_use_in(held[i].unit, asked);
    end loop;
  end loop;
end $$;
