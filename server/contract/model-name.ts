/** Models as people name them in Pools and keys. */
import { z } from 'zod';

/** Models are compared without case and outer spaces (product spec 1.2). */
export const ModelName = z.string().trim().toLowerCase().min(1).max(255);
