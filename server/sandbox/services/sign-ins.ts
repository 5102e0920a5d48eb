/** Sign-ins that are under way: authorization codes and device logins (wire spec B2, B3). */
import { createHash } from 'node:crypto';
import type { Parts } from '../turn.ts';

/** A code that was handed out and can be exchanged once. */
export interface AuthorizationCode {
  readonly account: string;
  readonly redirectUri: string;
  /** S256 of the verifier, base64url. */
  readonly challenge: string;
}

export interface DeviceLogin {
  readonly userCode: string;
  /** Who will be signed in. */
  account: string;
  /** Polls still answered as pending before the login is approved. */
  pendingPolls: number;
  state: 'open' | 'denied' | 'expired';
}

export interface SignIns {
  issueCode(code: AuthorizationCode): string;
  /** Takes the code out of use. */
  redeemCode(code: string): AuthorizationCode | undefined;
  startDevice(account: string): { id: string; userCode: string };
  device(id: string): DeviceLogin | undefined;
  /** A verifier with its challenge, for logins where the provider makes the pair. */
  makePair(): { verifier: string; challenge: string };
  /** The account that signs in at the authorize page and with device codes. */
  person: string;
  reset(): void;
}

export function createSignIns(parts: Parts): SignIns {
  const codes = new Map<string, AuthorizationCode>();
  const devices = new Map<string, DeviceLogin>();
  const signIns: SignIns = {
    person: '',
    issueCode(code) {
      const id = parts.ids.next('ac');
      codes.set(id, code);
      return id;
    },
    redeemCode(id) {
      const code = codes.get(id);
      codes.delete(id);
      return code;
    },
    startDevice(account) {
      const id = parts.ids.next('deviceauth');
      const userCode = `SBXC-${String(devices.size + 10_001)}`;
      devices.set(id, { userCode, account, pendingPolls: 1, state: 'open' });
      return { id, userCode };
    },
    device: (id) => devices.get(id),
    makePair() {
      const verifier = parts.random.bytes(64).toString('base64url');
      return { verifier, challenge: challengeOf(verifier) };
    },
    reset() {
      codes.clear();
      devices.clear();
      signIns.person = '';
    },
  };
  return signIns;
}

/** PKCE S256 (RFC 7636 §4.2). */
export function challengeOf(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
