import { access } from '#access/module.ts';
import { analytics } from '#analytics/module.ts';
import { audit } from '#audit/module.ts';
import { catalog } from '#catalog/module.ts';
import { costs } from '#costs/module.ts';
import { counters } from '#counters/module.ts';
import { customers } from '#customers/module.ts';
import { entitlements } from '#entitlements/module.ts';
import { ingestion } from '#ingestion/module.ts';
import { invoicing } from '#invoicing/module.ts';
import { metering } from '#metering/module.ts';
import { onboarding } from '#onboarding/module.ts';
import { portal } from '#portal/module.ts';
import { settings } from '#settings/module.ts';
import { subscriptions } from '#subscriptions/module.ts';
import { tenancy } from '#tenancy/module.ts';

/** The modules of the product. Registering one is its line here. */
export const MODULES = [
  access,
  tenancy,
  customers,
  settings,
  audit,
  ingestion,
  metering,
  counters,
  analytics,
  costs,
  catalog,
  entitlements,
  subscriptions,
  invoicing,
  portal,
  onboarding,
] as const;
