-- What request compression did to a request: counts by kind and by reason, bytes and tokens. Never a text.
-- null: its Pool has it switched off, or there was nothing to look at.
alter table requests add column compression jsonb;
