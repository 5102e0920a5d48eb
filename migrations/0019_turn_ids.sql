-- A client may name a turn; the hash of the name and its key. The turn that was let in keeps it for as long as its row
-- lives, and whoever asks for the same again, over another connection or another process, is refused and charged nothing.
alter table requests add column turn_sha256 bytea;
create unique index requests_by_turn on requests (turn_sha256) where turn_sha256 is not null;
