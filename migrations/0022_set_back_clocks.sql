-- A clock that was set back leaves use in the future behind. Windows that slide on count what was used since a moment, so
-- they counted that use until its time had come, and their keys were refused for as long. As before, but only up to one
-- length of the window ahead: so far the clocks of two processes may differ.
create or replace function api_key_limit_used(held api_key_limits, at timestamptz) returns numeric language sql stable as $$
  select coalesce(sum(api_key_use_in(held.unit, used)), 0)
  from api_key_window(held.limit_window, at) reach
  join api_key_use used on used.api_key_id = held.api_key_id and used.grain = reach.grain
    and used.starts_at >= reach.since
    and used.starts_at < case when reach.lasts is null then reach.until else at + reach.lasts end
  where held.limit_window <> 'request' and (held.model is null or used.model = held.model)
$$;

create or replace function api_key_limit_free_at(held api_key_limits, at timestamptz, used numeric, wanted numeric)
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
            and past.starts_at < at + reach.lasts and (held.model is null or past.model = held.model)
          group by past.starts_at
        ) as leaving
        where used - leaving.freed + wanted <= held.maximum
      ),
      at + reach.lasts
    )
  end
  from api_key_window(held.limit_window, at) reach
$$;
