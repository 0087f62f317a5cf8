import type { DateTime } from 'luxon';
import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalidOperation } from '#kernel/errors.ts';
import type { Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { type ListRequest, narrowed } from '#platform/resource/listing.ts';
import { currentPeriod } from '#subscriptions/domain/periods.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { SubscriptionInvoicing } from '#subscriptions/service/dependencies.ts';
import { chargesStage } from '../domain/charge-lines.ts';
import type { DueTerms, FinalUsage, Invoice } from '../domain/invoice.ts';
import { emptyInvoice, type StagedInvoice } from '../domain/pipeline.ts';
import { INVOICE_STATES } from '../domain/states.ts';
import { type DetailKind, detailsOf } from '../domain/line-details.ts';
import { lineDetailRepository } from '../repository/line-details.ts';
import { lineRepository } from '../repository/lines.ts';
import { type DraftCursor, invoiceRepository, type UnfinishedDraft } from '../repository/invoices.ts';
import { computeDraft, isComputed } from './compute.ts';
import type { BillingDependencies } from './dependencies.ts';
import { draftWithin } from './draft.ts';
import { finalizeStored, voidWithin } from './finalize.ts';
import { askedPeriod, gatherBasis, readInputs } from './gather.ts';
import { applyMoment } from './pipeline.ts';
import { type ProcessedDraft, processDraft } from './process.ts';
import { type InvoiceExpansion, type InvoiceView, type LineView, viewsOf, withInfo } from './views.ts';

export type InvoiceService = ReturnType<typeof createInvoiceService>;

type PageKeys = Pick<Page<unknown>, 'limit' | 'offset'>;
interface LineDetailsOf {
  readonly id: string;
  readonly lineId: string;
  readonly kind: DetailKind;
}

/** What an invoice would be, without writing one. */
export interface InvoicePreview {
  readonly subscription: Subscription;
  readonly period: Period;
  readonly computed: StagedInvoice;
}

/** Use cases of invoices, each under the invoice's row lock. */
export function createInvoiceService(dependencies: BillingDependencies) {
  const { database, clock, customers, subscriptions } = dependencies;

  const views = (tx: TenantTransaction, ctx: RequestContext, found: readonly Invoice[], expand: InvoiceExpansion): Promise<InvoiceView[]> =>
    viewsOf(dependencies, tx, ctx, found, expand);

  const termsOf = async (ctx: RequestContext, { subscriptionId }: Invoice): Promise<DueTerms> =>
    subscriptionId === null ? { paymentTerms: null, timezone: 'UTC' } : subscriptions.get(ctx, subscriptionId);

  const process = (ctx: RequestContext, id: string): Promise<ProcessedDraft> => processDraft(dependencies, ctx, id);

  const invoicing: SubscriptionInvoicing = {
    open: async (tx, ctx, subscription) => {
      const inside = { ...ctx, transaction: tx };
      const { id } = await draftWithin(tx, ctx, clock, subscription, {
        reason: 'SUBSCRIPTION_CREATE',
        period: currentPeriod(subscription),
      });
      // An opening invoice holds no usage, so it asks no other engine and can be complete in the same transaction.
      await computeDraft(dependencies, inside, id, 'when_due');
    },
    draft: (tx, ctx, subscription, draft) => draftWithin(tx, ctx, clock, subscription, draft),
    settle: async (ctx, id) => {
      await process(ctx, id);
    },
  };

  return {
    invoicing,
    process,

    view: (ctx: RequestContext, id: string, expand: InvoiceExpansion): Promise<InvoiceView> =>
      database.withTenant(ctx, async (tx) => (await views(tx, ctx, [await invoiceRepository.get(tx, id)], expand))[0] as InvoiceView),

    /** One page of an invoice's lines, each with how it was calculated, in their order. */
    lines: (ctx: RequestContext, id: string, { limit, offset }: PageKeys): Promise<Page<LineView>> =>
      database.withTenant(ctx, async (tx) => {
        await invoiceRepository.get(tx, id);
        const [found, [sizes]] = [await lineRepository.page(tx, id, { limit, offset }), await lineRepository.sizes(tx, [id])];
        return { items: found.map(withInfo), total: sizes?.count ?? 0, limit, offset };
      }),

    /** One page of the buckets or windows of a line, in the order of time; none for a line that was not made from any. */
    lineDetails: (ctx: RequestContext, { id, lineId, kind }: LineDetailsOf, { limit, offset }: PageKeys): Promise<Page<unknown>> =>
      database.withTenant(ctx, async (tx) => {
        await invoiceRepository.get(tx, id);
        const { calculation } = await lineRepository.get(tx, id, lineId);
        const details = calculation === null ? [] : detailsOf(calculation, kind);
        return 'count' in details
          ? { items: await lineDetailRepository.page(tx, { lineItemId: lineId, kind, limit, offset }), total: details.count, limit, offset }
          : { items: details.slice(offset, offset + limit), total: details.length, limit, offset };
      }),

    /** Whether a draft is still to be computed from the customer's usage, its own or that of a subscription which it inherits. */
    hasDraftOf: async (tx: TenantTransaction, customerId: string): Promise<boolean> =>
      invoiceRepository.hasDraft(tx, customerId, await subscriptions.parentsOf(tx, customerId)),

    /** The subscription's newest invoice that is not voided, with its lines. */
    latestOf: (ctx: RequestContext, subscriptionId: string): Promise<InvoiceView | null> =>
      database.withTenant(ctx, async (tx) => {
        const invoice = await invoiceRepository.latestOf(tx, subscriptionId);
        return invoice === undefined
          ? null
          : ((await views(tx, ctx, [invoice], { lines: 'explained', customer: false, subscription: false }))[0] ?? null);
      }),

    /** Of the customer with this external id, unless null; that of nobody finds nothing. */
    list: (
      ctx: RequestContext,
      request: ListRequest,
      externalCustomerId: string | null,
      expand: InvoiceExpansion,
    ): Promise<Page<InvoiceView>> =>
      database.withTenant(ctx, async (tx) => {
        const wanted = externalCustomerId
          ? narrowed(request, await customers.isOneOf({ ...ctx, transaction: tx }, 'customerId', externalCustomerId))
          : request;
        const page = await invoiceRepository.list(tx, wanted);
        return { ...page, items: await views(tx, ctx, page.items, expand) };
      }),

    /** The invoices that closed usage of `at` on these lines of subscriptions: an event of then that is accepted later is on none of them. */
    finalUsageAt: (
      ctx: RequestContext,
      lines: readonly { readonly subscriptionId: string; readonly lineItemId: string }[],
      at: DateTime,
    ): Promise<FinalUsage[]> => database.withTenant(ctx, (tx) => lineRepository.finalAt(tx, lines, at)),

    compute: (ctx: RequestContext, id: string): Promise<Invoice> => computeDraft(dependencies, ctx, id, 'never'),

    /**
     * Finalizes a draft now, whatever its wait for late usage, with the usage of now. Throws `invalid_operation` for anything but a draft
     * with something to bill.
     */
    finalize: async (ctx: RequestContext, id: string): Promise<Invoice> => {
      const read = await database.withTenant(ctx, (tx) => invoiceRepository.get(tx, id));
      INVOICE_STATES.next(read.invoiceStatus, 'finalize', read);
      if (isComputed(read)) return computeDraft(dependencies, ctx, id, 'now');
      return database.withTenant(ctx, async (tx) => {
        const locked = await invoiceRepository.lock(tx, id);
        return finalizeStored(tx, ctx, dependencies, locked, await termsOf({ ...ctx, transaction: tx }, locked));
      });
    },

    void: (ctx: RequestContext, id: string): Promise<Invoice> =>
      database.withTenant(ctx, async (tx) => voidWithin(tx, clock, await invoiceRepository.lock(tx, id))),

    /** The subscription's next invoice as it would be now; its current period unless told. Writes nothing. Throws `invalid_operation` for an inherited one. */
    preview: async (
      ctx: RequestContext,
      { subscriptionId, start, end }: { subscriptionId: string; start: Period['start'] | null; end: Period['end'] | null },
    ): Promise<InvoicePreview> => {
      const subscription = await subscriptions.get(ctx, subscriptionId);
      if (subscription.subscriptionType === 'inherited') {
        throw invalidOperation('an inherited subscription has no invoices: its parent is billed', {
          id: subscriptionId,
          parent_subscription_id: subscription.parentSubscriptionId,
        });
      }
      const current = currentPeriod(subscription);
      const period = askedPeriod(start ?? current.start, end ?? current.end, 'period_end');
      const { gathered, stages } = await database.withTenant(ctx, async (tx) => {
        const inside = { ...ctx, transaction: tx };
        const found = await gatherBasis(dependencies, inside, { subscriptionId, referencePoint: 'preview', period });
        const { customerId, currency } = found.basis.subscription;
        const subject = { invoiceId: null, billingReason: null, customerId, subscriptionId, currency, period };
        return { gathered: found, stages: await dependencies.pipeline.prepare(tx, inside, subject, ['preview']) };
      });
      const { basis, usage } = await readInputs(dependencies, ctx, gathered);
      const charges = chargesStage({ ...basis, usage, invoiced: [] });
      const computed = applyMoment(emptyInvoice(basis.subscription.currency), [charges, ...stages], 'preview');
      return { subscription: basis.subscription, period, computed };
    },

    /** One page of drafts of all tenants that somebody has to take to the end, for the sweep. */
    unfinished: (after: DraftCursor | null, limit: number): Promise<UnfinishedDraft[]> =>
      database.asSystem('draft sweep', (tx) => invoiceRepository.unfinished(tx, clock.now(), after, limit)),
  };
}
