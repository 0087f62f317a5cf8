import type { Customer } from '#customers/domain.ts';
import type { CustomerService } from '#customers/service.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Camelized } from '#kernel/wire.ts';
import { CUSTOMER_PORTAL_CONFIG } from '../domain.ts';
import type { SettingService } from '#settings/service.ts';
import type { UpdatePortalCustomerRequest } from '../contracts.ts';
import { customerIdOf, PORTAL_TABS } from '../domain.ts';

export interface PortalDependencies {
  readonly customers: CustomerService;
  readonly settings: Pick<SettingService, 'valueOf'>;
}
export type PortalService = ReturnType<typeof createPortalService>;

/** What a customer sees of itself through a portal session. Which customer that is comes from the session alone. */
export function createPortalService({ customers, settings }: PortalDependencies) {
  return {
    /** Which parts of the portal there is something to show in. */
    tabs: async (ctx: RequestContext): Promise<typeof PORTAL_TABS & { readonly costs: boolean }> => ({
      ...PORTAL_TABS,
      costs: (await settings.valueOf(ctx, CUSTOMER_PORTAL_CONFIG)).cost_analytics_enabled,
    }),

    customer: (ctx: RequestContext): Promise<Customer> => customers.get(ctx, customerIdOf(ctx)),

    updateCustomer: (ctx: RequestContext, request: Camelized<UpdatePortalCustomerRequest>): Promise<Customer> =>
      customers.update(ctx, customerIdOf(ctx), request),
  };
}
