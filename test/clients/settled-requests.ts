/** What the gateway's database says of requests and their money, as tests compare it. */
import type pg from 'pg';

/** A request and the ledger's one settlement of it, counts as numbers. */
export interface SettledRequest {
  readonly status: string;
  readonly usageStatus: string;
  readonly errorCode: string | null;
  readonly account: string | null;
  readonly attempts: number;
  readonly endpoint: string;
  /** Rows of the ledger: reservation, settlement and release when all is well. */
  readonly ledger: readonly string[];
  readonly inputTokens: number | null;
  readonly cachedTokens: number | null;
  readonly outputTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly totalTokens: number | null;
  readonly costMicros: number | null;
  readonly costStatus: string | null;
}

/** All of them, oldest first. */
export async function readSettledRequests(pool: pg.Pool): Promise<SettledRequest[]> {
  const { rows } = await pool.query<SettledRequest>(`
    select request.status, request.usage_status as "usageStatus", request.error_code as "errorCode",
      request.account_label as account, request.attempt_count as attempts, request.endpoint,
      array(select event from ledger_entries where request_id = request.id
        order by array_position(array['reservation', 'settlement', 'release'], event)) as ledger,
      input_tokens::int as "inputTokens", cached_tokens::int as "cachedTokens", output_tokens::int as "outputTokens",
      reasoning_tokens::int as "reasoningTokens", total_tokens::int as "totalTokens",
      cost_micros::float as "costMicros", cost_status as "costStatus"
    from requests request
    left join ledger_entries entry on entry.request_id = request.id and entry.event = 'settlement'
    order by request.admitted_at`);
  return rows;
}

export async function forgetRequests(pool: pg.Pool): Promise<void> {
  await pool.query('truncate requests, attempts, ledger_entries, usage_hours');
}
