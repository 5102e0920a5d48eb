import { describe, expect, it } from 'vitest';
import { createMessageWatch } from './message-watch.ts';

describe('a message', () => {
  it('is under way while bytes come and nothing whole does', () => {
    let receivedBytes = 100;
    const watch = createMessageWatch({ receivedBytes: () => receivedBytes });
    expect(watch.isUnderWay()).toBe(false);
    receivedBytes += 10;
    expect(watch.isUnderWay()).toBe(true);
    expect(watch.isUnderWay()).toBe(false);
    receivedBytes += 10;
    watch.arrived();
    expect(watch.isUnderWay()).toBe(false);
    receivedBytes += 10;
    expect(watch.isUnderWay()).toBe(true);
  });
});
