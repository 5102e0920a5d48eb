-- What one key used altogether is asked by its clients, as often as they like: its own hours are found without reading
-- those of all others. None of what settlements change stands in the index, so their updates stay as cheap as before.
create index usage_hours_by_key on usage_hours (api_key_id);
