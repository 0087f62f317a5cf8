import * as z from 'zod';
import { defineSetting } from '#module/setting.ts';
import { CUSTOMER_PORTAL_CONFIG } from './domain.ts';

/** What is left out keeps its default, so that whoever sets one part need not know the others. */
export const CustomerPortalConfig = z.strictObject({ cost_analytics_enabled: z.boolean().default(false) });

export const settingDefinitions = [defineSetting(CUSTOMER_PORTAL_CONFIG, CustomerPortalConfig)];
