-- What a key may ask for, as one document with the fields of `KeyPolicy` in the contract; a field that is absent
-- restricts nothing. A key whose document cannot be read may do nothing.
alter table api_keys
  add column policy jsonb not null default '{}',
  -- For the people who look after keys: nothing is decided by them.
  add column labels text[] not null default '{}',
  add column notes text not null default '',
  -- The secret before the last rotation, and until when it works beside the new one.
  add column previous_prefix text unique,
  add column previous_secret_sha256 bytea,
  add column previous_ends_at timestamptz;
update api_keys set policy = jsonb_build_object('allowedModels', to_jsonb(allowed_models)) where allowed_models is not null;
alter table api_keys drop column allowed_models;

-- The model the client named; `model` is the one that was asked of the provider.
alter table requests add column requested_model text;
