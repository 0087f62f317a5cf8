import * as z from 'zod';
import { recordOf } from '#kernel/records.ts';
import { boundedJson, text, timeText } from '#kernel/wire.ts';

/** A setting travels in one system event, and is held by every process that looks a key up. */
const VALUE_BYTES = 256 * 1024;

export const UpdateSettingRequest = z.object({
  value: boundedJson(
    z.union([recordOf(z.string(), z.unknown()), z.array(z.unknown())], { error: 'must be an object, or a list of actions' }),
    VALUE_BYTES,
  ),
});

/** What nobody set has neither an id nor times. */
export const SettingResponse = z.object({
  id: z.string().optional(),
  key: z.string(),
  value: z.record(z.string(), z.unknown()),
  tenant_id: z.string(),
  environment_id: z.string(),
  status: z.string(),
  created_at: timeText.optional(),
  updated_at: timeText.optional(),
  created_by: text.optional(),
  updated_by: text.optional(),
});
