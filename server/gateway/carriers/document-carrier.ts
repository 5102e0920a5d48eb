/** Carries one whole answer in other words than the provider's: read, told anew, sent. */
import { GatewayError } from '../../contract/gateway-error.ts';
import type { Carrier } from './carrier.ts';
import { endResponse, type ResponseOptions } from './end-response.ts';

export interface TextDocument {
  readonly contentType: string;
  readonly text: string;
}

export interface DocumentCarrierOptions extends ResponseOptions {
  /** @throws {GatewayError} when the answer does not say what it should; the client gets that instead. */
  readonly render: (answer: Buffer) => TextDocument | Promise<TextDocument>;
}

/** Nothing is sent before the whole document is there, so whatever fails is a real HTTP error. */
export function createDocumentCarrier(options: DocumentCarrierOptions): Carrier {
  const { response, exchange, clock, render } = options;
  return {
    async send(answer) {
      if (answer.kind !== 'whole') throw new GatewayError('upstream_stream_error');
      const { contentType, text } = await render(answer.body);
      exchange.signal.throwIfAborted();
      const body = Buffer.from(text);
      exchange.isCommitted = true;
      exchange.responseStatus = 200;
      exchange.responseBytes = body.length;
      exchange.firstByteMs = clock.monotonicMs() - exchange.admittedMs;
      response.writeHead(200, {
        'content-type': contentType,
        'content-length': body.length,
        'x-request-id': exchange.id,
      });
      response.write(body);
    },
    end: () => endResponse(options),
  };
}
