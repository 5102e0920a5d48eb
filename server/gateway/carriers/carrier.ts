/** How an answer reaches its client: the engine serves an exchange, a carrier knows the connection. */
import type { Answer } from '../attempt/answer.ts';

export interface Carrier {
  /** Resolves when the answer is through; rejects when the provider's stream breaks or the client leaves. */
  send(answer: Answer): Promise<void>;
  /** Says that nothing more follows, and waits until what was sent is handed over. Never rejects. */
  end(): Promise<void>;
  /**
   * Only of carriers that may begin to speak before there is an answer: an error ended the exchange.
   *
   * @returns whether the client was told: it was if its stream had begun.
   */
  fail?(error: unknown): Promise<boolean>;
}
