/** What a broken call means, told from the system's word for it. */
import { NetworkFault, type NetworkFaultKind } from './world.ts';

const connectCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const timeoutCodes = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

/** @param signal - The caller's own: what ended because of it is nobody's fault. */
export function networkFault(error: unknown, signal: AbortSignal): NetworkFault {
  if (error instanceof NetworkFault) return error;
  const systemCode = codeOf(error);
  return new NetworkFault(signal.aborted ? 'aborted' : kindOf(systemCode), { systemCode, cause: error });
}

function kindOf(systemCode: string): NetworkFaultKind {
  if (connectCodes.has(systemCode) || isTlsCode(systemCode)) return 'connect';
  if (timeoutCodes.has(systemCode)) return 'timeout';
  return 'reset';
}

function isTlsCode(code: string): boolean {
  return (
    code.startsWith('ERR_TLS') || code.startsWith('CERT_') || code.includes('CERTIFICATE') || code.includes('SIGNATURE')
  );
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.name : 'unknown';
}
