/** Instants in the contract: `Date` on both sides, ISO 8601 text on the wire. */
import { z } from 'zod';

/** Accepts a `Date` (server side) or ISO text (from JSON) and gives a `Date`. */
export const Instant = z.date().or(z.iso.datetime({ offset: true }).transform((text) => new Date(text)));
