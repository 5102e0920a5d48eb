/** What is counted for keys with limits, held against the ledger. */
import type pg from 'pg';

/** Sums that differ from what the ledger says; empty in sound books. */
export async function wrongUseSums(pool: Pick<pg.Pool, 'query'>): Promise<unknown[]> {
  const { rows } = await pool.query(`
    with true_sums as (
      select api_key_id, grain, starts_at, model, sum(requests) as requests, sum(input_tokens) as input,
        sum(output_tokens) as output, sum(total_tokens) as total, sum(cost_micros) as micros
      from api_key_use_parts where api_key_id in (select api_key_id from api_key_limits) group by 1, 2, 3, 4
    )
    select * from true_sums full join (
      select api_key_id, grain, starts_at, model, requests, input_tokens as input, output_tokens as output,
        total_tokens as total, cost_micros as micros from api_key_use
    ) as kept using (api_key_id, grain, starts_at, model, requests, input, output, total, micros)
    where true_sums.requests is null or kept.requests is null`);
  return rows;
}
