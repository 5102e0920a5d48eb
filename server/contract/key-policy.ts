/** What a key may ask for, and what it asks for instead (product spec 5.3). */
import { z } from 'zod';
import { ModelName } from './model-name.ts';
import { EffortLevel, EffortRule, ServiceTier } from './vocabulary.ts';

/** One address, or a range in CIDR notation. */
const AddressRange = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], {
  error: 'an IP address, or a range such as 10.0.0.0/8',
});

const mostModels = 200;
const mostAddresses = 200;

export const KeyPolicy = z
  .object({
    /** null allows every model, an empty list none. Compared with the model that is asked of the provider. */
    allowedModels: z.array(ModelName).max(mostModels).nullable(),
    /** Names of the key's own, each with the model it stands for. */
    modelAliases: z
      .record(ModelName, ModelName)
      .refine((aliases) => Object.keys(aliases).length <= mostModels, `at most ${mostModels}`),
    /** Asked of the provider whatever the client names. */
    enforcedModel: ModelName.nullable(),
    /** null leaves the client its choice. */
    effort: z.object({ rule: EffortRule, level: EffortLevel }).strict().nullable(),
    /** null leaves what the client asks. */
    serviceTier: z
      .literal('fast')
      .transform(() => 'priority' as const)
      .or(ServiceTier)
      .nullable(),
    /** Where its clients may call from; null is anywhere. */
    allowedAddresses: z.array(AddressRange).min(1).max(mostAddresses).nullable(),
  })
  // A field that another version wrote may be a restriction: not to know it must not mean to ignore it.
  .strict();
export type KeyPolicy = z.infer<typeof KeyPolicy>;

/** Restricts nothing. */
export const openKeyPolicy: KeyPolicy = Object.freeze({
  allowedModels: null,
  modelAliases: {},
  enforcedModel: null,
  effort: null,
  serviceTier: null,
  allowedAddresses: null,
});
