-- The ledger only grows at its end, so a summary of every range of pages finds its old part, and costs an insert nothing.
create index ledger_entries_by_time on ledger_entries using brin (created_at) with (autosummarize = on);
