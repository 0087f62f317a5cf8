import type { InvoiceService, InvoiceView } from '#billing/service/invoice.ts';
import type { Customer } from '#customers/domain.ts';
import type { CustomerService } from '#customers/service.ts';
import type { RequestContext } from '#kernel/context.ts';
import { ForbiddenError, notFound } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { SettingService } from '#settings/service.ts';
import type { SubscriptionService, SubscriptionView } from '#subscriptions/service/subscription.ts';
import type { UpdatePortalCustomerRequest } from '../contracts.ts';
import { PORTAL_TABS, SHOWN_SUBSCRIPTIONS } from '../domain.ts';

export interface PortalDependencies {
  readonly customers: CustomerService;
  readonly subscriptions: SubscriptionService;
  readonly invoices: InvoiceService;
  readonly settings: Pick<SettingService, 'valueOf'>;
}
export type PortalService = ReturnType<typeof createPortalService>;

/**
 * What a customer sees of itself through a portal session. Which customer that is comes from the session alone; what belongs to
 * another one is not found.
 */
export function createPortalService({ customers, subscriptions, invoices, settings }: PortalDependencies) {
  /** Read with each request: whoever withdraws its costs from customers wants it to hold. */
  const showsCosts = async (ctx: RequestContext): Promise<boolean> =>
    (await settings.valueOf(ctx, 'customer_portal_config')).cost_analytics_enabled;

  return {
    /** Which parts of the portal there is something to show in. */
    tabs: async (ctx: RequestContext): Promise<typeof PORTAL_TABS & { readonly costs: boolean }> => ({
      ...PORTAL_TABS,
      costs: await showsCosts(ctx),
    }),

    customer: (ctx: RequestContext): Promise<Customer> => customers.get(ctx, customerIdOf(ctx)),

    /** The customer, where it may see what its usage costs the seller. Throws ForbiddenError where the seller has not said so. */
    async customerShownCosts(ctx: RequestContext): Promise<Customer> {
      if (!(await showsCosts(ctx))) throw new ForbiddenError({ message: 'costs are not shown in the customer portal' });
      return customers.get(ctx, customerIdOf(ctx));
    },

    updateCustomer: (ctx: RequestContext, request: Camelized<UpdatePortalCustomerRequest>): Promise<Customer> =>
      customers.update(ctx, customerIdOf(ctx), request),

    subscriptions: (ctx: RequestContext, options: ListOptions): Promise<Page<SubscriptionView>> =>
      subscriptions.list(ctx, { customerIds: [customerIdOf(ctx)], subscriptionStatus: SHOWN_SUBSCRIPTIONS }, options, {
        items: true,
        prices: true,
        customer: false,
        plan: true,
      }),

    subscription: async (ctx: RequestContext, id: string): Promise<SubscriptionView> => {
      const view = await subscriptions.view(ctx, id);
      const { customerId, subscriptionStatus } = view.subscription;
      if (customerId !== customerIdOf(ctx) || !SHOWN_SUBSCRIPTIONS.includes(subscriptionStatus)) throw notFound('subscription', id);
      return view;
    },

    /** Those that were issued, also when they were voided later: a draft may still change. */
    invoices: (ctx: RequestContext, options: ListOptions): Promise<Page<InvoiceView>> =>
      invoices.list(ctx, { customerIds: [customerIdOf(ctx)], isIssued: true }, options, {
        lines: true,
        customer: false,
        subscription: false,
      }),

    invoice: async (ctx: RequestContext, id: string): Promise<InvoiceView> => {
      const view = await invoices.view(ctx, id, { lines: true, customer: false, subscription: false });
      if (view.invoice.customerId !== customerIdOf(ctx) || view.invoice.finalizedAt === null) throw notFound('invoice', id);
      return view;
    },
  };
}

/** Routes of the portal take no other credential: anything else is a mistake of ours. */
function customerIdOf({ actorType, actorId }: RequestContext): string {
  if (actorType !== 'customer') throw new Error('not a portal session');
  return actorId;
}
