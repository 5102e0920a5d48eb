/** Which sizes an image may be asked in (v1 spec 2.9). Pure. */

const fixed = ['1024x1024', '1536x1024', '1024x1536'];
const step = 16;
const longestEdge = 3840;
const widestRatio = 3;
const fewestPixels = 655_360;
const mostPixels = 8_294_400;

/**
 * @param options.isFree - The model draws in any size within bounds; the others know three.
 * @returns what is wrong, as the end of a sentence, or null.
 */
export function sizeFault(size: string, { isFree }: { isFree: boolean }): string | null {
  if (size === 'auto' || fixed.includes(size)) return null;
  if (!isFree) return `must be auto, ${fixed.join(', ')}`;
  const [, width, height] = (/^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(size) ?? []).map(Number);
  if (width === undefined || height === undefined) return 'must be auto, or a width and a height as in 1024x1024';
  if (width % step !== 0 || height % step !== 0) return `must have edges that are multiples of ${step}`;
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  if (long > longestEdge) return `must have no edge over ${longestEdge}`;
  if (long > widestRatio * short) return `must not be wider or higher than ${widestRatio} to 1`;
  const pixels = width * height;
  return pixels < fewestPixels || pixels > mostPixels ? `must have ${fewestPixels} to ${mostPixels} pixels` : null;
}
