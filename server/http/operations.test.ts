import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import Koa from 'koa';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMovableClock, type MovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import type { CallState } from './middleware.ts';
import { mountOperations } from './operations.ts';

let server: Server;
let clock: MovableClock;
/** Questions to the database that have no answer yet. */
let asked: PromiseWithResolvers<unknown>[];
/** Calls that the server has taken up. */
let taken: number;

beforeEach(async () => {
  asked = [];
  taken = 0;
  clock = createMovableClock(systemClock);
  const router = new Router<CallState>();
  mountOperations(router, {
    clock,
    pingDatabase() {
      const question = Promise.withResolvers<unknown>();
      asked.push(question);
      return question.promise;
    },
    isStopping: () => false,
    drainMarkerPath: null,
  });
  server = new Koa<CallState>().use(router.routes()).listen(0, '127.0.0.1');
  server.on('request', () => (taken += 1));
  await once(server, 'listening');
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const readiness = async () => (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`)).status;

it('asks the database once for everybody who asks at the same time, and anew for who comes later', async () => {
  const all = Array.from({ length: 50 }, readiness);
  await expect.poll(() => taken).toBe(50);
  expect(asked).toHaveLength(1);
  asked[0]?.resolve(null);
  expect(new Set(await Promise.all(all))).toEqual(new Set([200]));
  const later = readiness();
  await expect.poll(() => asked.length).toBe(2);
  asked[1]?.reject(new Error('away'));
  expect(await later).toBe(503);
});

it('waits for a silent database a second, and asks it no second time while it is silent', async () => {
  for (let count = 0; count < 3; count += 1) {
    const waiting = readiness();
    await expect.poll(() => (clock.advance(1_000), Promise.race([waiting, Promise.resolve(null)]))).toBe(503);
  }
  expect(asked).toHaveLength(1);
  asked[0]?.resolve(null);
  const later = readiness();
  await expect.poll(() => asked.length).toBe(2);
  asked[1]?.resolve(null);
  expect(await later).toBe(200);
});
