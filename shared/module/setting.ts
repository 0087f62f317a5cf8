import type * as z from 'zod';
import type { SettingOf } from '#kernel/setting.ts';

/** A setting with the schema that a value must fit. It is loaded with the routes of settings, and not with whoever reads the value. */
export interface SettingDefinition extends SettingOf<unknown> {
  readonly schema: z.ZodType;
}

/**
 * Declares a setting of a module, in its `settings.ts`:
 *
 *     export const settingDefinitions = [defineSetting(CUSTOMER_PORTAL_CONFIG, CustomerPortalConfig)];
 */
export function defineSetting<T>(setting: SettingOf<T>, schema: z.ZodType<T>): SettingDefinition {
  return { ...setting, schema };
}
