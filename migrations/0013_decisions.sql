-- Why an account got a request: the record of each choice, bounded and without a word of what was asked or answered.
-- An attempt has the choice that led to it, a request the one that found nobody.
alter table attempts add column decision jsonb;
alter table requests add column decision jsonb;
