-- Where the price list was fetched: it counts only as long as that is the address to fetch from. Null for one that was
-- fetched before this was noted; it counts for any.
alter table price_list add column url text;
