import { describe, expect, it } from 'vitest';
import { median, medianRatio, percentile } from './statistics.ts';

describe('percentile', () => {
  it('takes the nearest rank, whatever the order of the values', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(values, 0.5)).toBe(50);
    expect(percentile(values, 0.99)).toBe(99);
    expect(percentile(values, 1)).toBe(100);
    expect(percentile(values, 0)).toBe(1);
  });

  it('gives the largest of a few values for p99', () => {
    expect(percentile([3, 1, 2], 0.99)).toBe(3);
  });

  it('never invents a number out of nothing', () => {
    expect(percentile([], 0.5)).toBeNaN();
    expect(median([])).toBeNaN();
  });

  it('leaves the values as they were', () => {
    const values = [3, 1, 2];
    percentile(values, 0.5);
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });
});

describe('median', () => {
  it('is the middle, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

describe('the ratio over rounds', () => {
  it('is not moved by one slow minute that hit both sides', () => {
    expect(
      medianRatio([
        [2, 1],
        [200, 100],
        [2, 1],
      ]),
    ).toBe(2);
  });

  it('leaves out rounds that cannot be divided', () => {
    expect(
      medianRatio([
        [3, 0],
        [3, -1],
        [Number.NaN, 1],
        [3, 2],
      ]),
    ).toBe(1.5);
    expect(medianRatio([[3, 0]])).toBeNaN();
  });
});
