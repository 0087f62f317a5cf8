import type { Customer } from '#customers/domain.ts';
import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError, invalidOperation } from '#kernel/errors.ts';
import type { ListOptions, Page } from '#kernel/pagination.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { currentPeriod } from '#subscriptions/domain/periods.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import type { SubscriptionInvoicing } from '#subscriptions/service/dependencies.ts';
import { type ComputedInvoice, computeInvoice } from '../domain/compute-invoice.ts';
import { type Invoice, type InvoiceLine, isDue } from '../domain/invoice.ts';
import { type DraftCursor, type InvoiceFilter, invoiceRepository, type UnfinishedDraft } from '../repository.ts';
import { computeDraft } from './compute.ts';
import type { BillingDependencies } from './dependencies.ts';
import { draftWithin } from './draft.ts';
import { finalizeWithin, voidWithin } from './finalize.ts';
import { askedPeriod, gatherInputs } from './gather.ts';

export type InvoiceService = ReturnType<typeof createInvoiceService>;

/** An invoice as it is shown; a part is null where it was not asked for. */
export interface InvoiceView {
  readonly invoice: Invoice;
  readonly lines: readonly InvoiceLine[] | null;
  readonly customer: Customer | null;
  readonly subscription: Subscription | null;
}
export interface InvoiceExpansion {
  readonly lines: boolean;
  readonly customer: boolean;
  readonly subscription: boolean;
}

/** What an invoice would be, without writing one. */
export interface InvoicePreview {
  readonly subscription: Subscription;
  readonly period: Period;
  readonly computed: ComputedInvoice;
}

/** Use cases of invoices, each under the invoice's row lock. */
export function createInvoiceService(dependencies: BillingDependencies) {
  const { database, clock, customers, subscriptions, finalizationDelaySeconds } = dependencies;

  const views = async (
    tx: TenantTransaction,
    ctx: RequestContext,
    invoices: readonly Invoice[],
    expand: InvoiceExpansion,
  ): Promise<InvoiceView[]> => {
    const inside = { ...ctx, transaction: tx };
    const lines = Map.groupBy(
      expand.lines
        ? await invoiceRepository.linesOf(
            tx,
            invoices.map(({ id }) => id),
          )
        : [],
      ({ invoiceId }) => invoiceId,
    );
    const billed = new Map(
      (expand.customer ? await customers.getMany(inside, [...new Set(invoices.map(({ customerId }) => customerId))]) : []).map(
        (customer) => [customer.id, customer],
      ),
    );
    const running = new Map(
      (expand.subscription
        ? await subscriptions.getMany(inside, [...new Set(invoices.flatMap(({ subscriptionId }) => subscriptionId ?? []))])
        : []
      ).map((found) => [found.id, found]),
    );
    return invoices.map((invoice) => ({
      invoice,
      lines: expand.lines ? (lines.get(invoice.id) ?? []) : null,
      customer: billed.get(invoice.customerId) ?? null,
      subscription: running.get(invoice.subscriptionId ?? '') ?? null,
    }));
  };

  const termsOf = async (ctx: RequestContext, { subscriptionId }: Invoice): Promise<string | null> =>
    subscriptionId === null ? null : (await subscriptions.get(ctx, subscriptionId)).paymentTerms;

  const finalizeLocked = async (tx: TenantTransaction, ctx: RequestContext, locked: Invoice): Promise<Invoice> =>
    finalizeWithin(tx, ctx, clock, locked, await termsOf({ ...ctx, transaction: tx }, locked));

  const isDueNow = (invoice: Invoice): boolean => isDue(invoice, clock.now(), finalizationDelaySeconds);

  /**
   * Computes a draft that never was, and finalizes one that has waited long enough, with the usage that has arrived meanwhile.
   * On any other invoice it does nothing.
   */
  const process = async (ctx: RequestContext, id: string): Promise<Invoice> => {
    const read = await database.withTenant(ctx, (tx) => invoiceRepository.get(tx, id));
    if (read.invoiceStatus !== 'DRAFT' || (read.lastComputedAt !== null && !isDueNow(read))) return read;
    const computed = await computeDraft(dependencies, ctx, id);
    if (computed.invoiceStatus !== 'DRAFT' || !(isDueNow(read) || isDueNow(computed))) return computed;
    return database.withTenant(ctx, async (tx) => {
      const locked = await invoiceRepository.lock(tx, id);
      return locked.invoiceStatus === 'DRAFT' ? finalizeLocked(tx, ctx, locked) : locked;
    });
  };

  const invoicing: SubscriptionInvoicing = {
    open: async (tx, ctx, subscription) => {
      const inside = { ...ctx, transaction: tx };
      const { id } = await draftWithin(tx, ctx, clock, subscription, {
        reason: 'SUBSCRIPTION_CREATE',
        period: currentPeriod(subscription),
        fullPeriodEnd: null,
      });
      // An opening invoice holds no usage, so it asks no other engine and can be complete in the same transaction.
      await process(inside, id);
    },
    draft: (tx, ctx, subscription, draft) => draftWithin(tx, ctx, clock, subscription, draft),
    settle: async (ctx, id) => {
      await process(ctx, id).catch((error: unknown) => {
        // The draft is committed: the sweep takes it to the end when the engine is back.
        if (!(error instanceof DomainError && error.code === 'service_unavailable')) throw error;
      });
    },
  };

  return {
    invoicing,
    process,

    view: (ctx: RequestContext, id: string, expand: InvoiceExpansion): Promise<InvoiceView> =>
      database.withTenant(ctx, async (tx) => (await views(tx, ctx, [await invoiceRepository.get(tx, id)], expand))[0] as InvoiceView),

    /** The subscription's newest invoice that is not voided, with its lines. */
    latestOf: (ctx: RequestContext, subscriptionId: string): Promise<InvoiceView | null> =>
      database.withTenant(ctx, async (tx) => {
        const invoice = await invoiceRepository.latestOf(tx, subscriptionId);
        return invoice === undefined
          ? null
          : ((await views(tx, ctx, [invoice], { lines: true, customer: false, subscription: false }))[0] ?? null);
      }),

    list: (
      ctx: RequestContext,
      { externalCustomerId, ...filter }: InvoiceFilter & { readonly externalCustomerId?: string | null | undefined },
      options: ListOptions,
      expand: InvoiceExpansion,
    ): Promise<Page<InvoiceView>> =>
      database.withTenant(ctx, async (tx) => {
        const named = externalCustomerId
          ? (await customers.findByExternalIds({ ...ctx, transaction: tx }, [externalCustomerId])).map(({ id }) => id)
          : null;
        const customerIds =
          named === null ? filter.customerIds : named.filter((id) => !filter.customerIds?.length || filter.customerIds.includes(id));
        const page = await invoiceRepository.list(tx, { ...filter, customerIds }, options);
        return { ...page, items: await views(tx, ctx, page.items, expand) };
      }),

    compute: (ctx: RequestContext, id: string): Promise<Invoice> => computeDraft(dependencies, ctx, id),

    /** Finalizes a draft now, whatever the finalization delay; one that was never computed, or held nothing then, is computed first. */
    finalize: async (ctx: RequestContext, id: string): Promise<Invoice> => {
      const read = await database.withTenant(ctx, (tx) => invoiceRepository.get(tx, id));
      const isOpen =
        read.invoiceStatus === 'DRAFT' && read.subscriptionId !== null && (read.lastComputedAt === null || read.subtotal.isZero());
      const computed = isOpen ? await computeDraft(dependencies, ctx, id) : read;
      if (computed.invoiceStatus === 'SKIPPED' || (isOpen && computed.subtotal.isZero()))
        throw invalidOperation('there is nothing to bill', { id });
      return database.withTenant(ctx, async (tx) => finalizeLocked(tx, ctx, await invoiceRepository.lock(tx, id)));
    },

    void: (ctx: RequestContext, id: string): Promise<Invoice> =>
      database.withTenant(ctx, async (tx) => voidWithin(tx, ctx, clock, await invoiceRepository.lock(tx, id))),

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
      const { basis, usage } = await gatherInputs(dependencies, ctx, {
        subscriptionId,
        referencePoint: 'preview',
        period,
        fullPeriodEnd: null,
      });
      return { subscription: basis.subscription, period, computed: computeInvoice({ ...basis, usage, invoiced: [] }) };
    },

    /** One page of drafts of all tenants that somebody has to take to the end, for the sweep. */
    unfinished: (after: DraftCursor | null, limit: number): Promise<UnfinishedDraft[]> =>
      database.asSystem('draft sweep', (tx) =>
        invoiceRepository.unfinished(tx, clock.now().minus({ seconds: finalizationDelaySeconds }), after, limit),
      ),
  };
}
