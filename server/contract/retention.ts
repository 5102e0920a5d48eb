/** What is to be removed because it is old. */
import { z } from 'zod';
import { query } from './endpoint.ts';
import { Instant } from './instant.ts';
import { RetentionClass } from './vocabulary.ts';

export const DoomedRows = z.object({
  class: RetentionClass,
  /** Days it is kept; 0 is for ever, null means that each row has its own end. */
  keepDays: z.number().int().nullable(),
  /** Rows that the next run removes. */
  rows: z.number().int(),
  /** When the oldest of them was made, or expired. */
  oldestAt: Instant.nullable(),
});
export type DoomedRows = z.infer<typeof DoomedRows>;

export const retention = {
  preview: query('retention.preview', {
    input: z.object({}).strict(),
    output: z.object({ classes: z.array(DoomedRows) }),
  }),
};
