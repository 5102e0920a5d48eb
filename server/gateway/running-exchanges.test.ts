import { describe, expect, it } from 'vitest';
import { GatewayError } from '../contract/gateway-error.ts';
import { createMovableClock } from '../sandbox/movable-clock.ts';
import { systemClock } from '../world/real-world.ts';
import { ClientLeft, createRunningExchanges } from './running-exchanges.ts';

describe('an exchange', () => {
  it('is counted from its beginning until it is done, once', () => {
    const { running } = making();
    const first = running.begin();
    running.begin();
    expect(running.size).toBe(2);
    first.done();
    first.done();
    expect(running.size).toBe(1);
  });

  it('hears that its client left, and others do not', () => {
    const { running } = making();
    const left = running.begin();
    const stays = running.begin();
    left.clientLeft();
    expect(left.signal.reason).toBeInstanceOf(ClientLeft);
    expect(stays.signal.aborted).toBe(false);
  });
});

describe('a gateway that stops', () => {
  it('takes nothing more', () => {
    const { running } = making();
    void running.stop(1_000);
    expect(() => running.begin()).toThrow(expect.objectContaining({ code: 'gateway_stopping', retryAfterMs: 2_000 }));
  });

  it('has stopped at once when nothing runs', async () => {
    await making().running.stop(60_000);
  });

  it('waits for what runs, without disturbing it', async () => {
    const { running } = making();
    const exchange = running.begin();
    let hasStopped = false;
    const stopping = running.stop(60_000).then(() => (hasStopped = true));
    await new Promise(setImmediate);
    expect(hasStopped).toBe(false);
    exchange.done();
    await stopping;
    expect(exchange.signal.aborted).toBe(false);
  });

  it('ends what is left after the limit, saying why, and waits until it is over', async () => {
    const { running, clock } = making();
    const exchange = running.begin();
    const stopping = running.stop(10_000);
    clock.advance(9_000);
    expect(exchange.signal.aborted).toBe(false);
    clock.advance(1_000);
    expect(exchange.signal.reason).toBeInstanceOf(GatewayError);
    expect(exchange.signal.reason).toMatchObject({ code: 'gateway_stopping' });
    exchange.done();
    await stopping;
  });

  it('ends what runs at once when nobody will wait', async () => {
    const { running } = making();
    const exchange = running.begin();
    const stopping = running.stop(10_000);
    running.end();
    expect(exchange.signal.reason).toMatchObject({ code: 'gateway_stopping' });
    exchange.done();
    await stopping;
  });
});

function making() {
  const clock = createMovableClock(systemClock);
  return { clock, running: createRunningExchanges({ clock }) };
}
