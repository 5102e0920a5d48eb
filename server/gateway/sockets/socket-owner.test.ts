import { expect, it } from 'vitest';
import { socketOwnerOf } from './socket-owner.ts';

const owner = (keyId: string, connection: string, ...threadAnchors: string[]) =>
  socketOwnerOf({ keyId, connection, threadAnchors });

it('a conversation keeps its sockets wherever its client connects from, under its own key', () => {
  expect(owner('key', 'first', 'thread', 'root')).toBe(owner('key', 'second', 'thread'));
  expect(owner('key', 'first', 'thread')).not.toBe(owner('other', 'first', 'thread'));
  expect(owner('key', 'first', 'thread')).not.toBe(owner('key', 'first', 'root'));
});

it('a turn that names no conversation has the sockets of its connection', () => {
  expect(owner('key', 'first')).toBe(owner('key', 'first'));
  expect(owner('key', 'first')).not.toBe(owner('key', 'second'));
  expect(owner('key', 'first')).not.toBe(owner('key', 'second', 'first'));
});

it('an owner says nothing of what the client named', () => {
  expect(owner('key', 'first', 'canary')).not.toContain('canary');
});
