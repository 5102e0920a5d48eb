/** What the engine gives to a carrier once an account's answer is committed. */
import type { UpstreamStream } from '../stream/upstream-stream.ts';

export type Answer =
  | {
      readonly kind: 'stream';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly stream: UpstreamStream;
      /** The client's next turn may go on from it instead of sending everything. */
      readonly isContinuable: boolean;
    }
  | {
      readonly kind: 'whole';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Buffer;
    };
