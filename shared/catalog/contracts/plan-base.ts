import * as z from 'zod';
import { entityBase, metadataText } from '#kernel/wire.ts';

/** A plan on its own, without what it contains. */
export const PlanBase = entityBase.extend({
  name: z.string(),
  lookup_key: z.string().optional(),
  description: z.string().optional(),
  display_order: z.int().optional(),
  metadata: metadataText,
});
