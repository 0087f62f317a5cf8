import type { Period } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError, invalidOperation } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { type ComputedLine, computeInvoice } from '../domain/compute-invoice.ts';
import { type Invoice, type InvoiceLine, isDue, referencePointOf } from '../domain/invoice.ts';
import { invoiceRepository, type NewInvoiceLine } from '../repository.ts';
import type { BillingDependencies } from './dependencies.ts';
import { type GatheredInputs, gatherInputs, type InvoiceScope } from './gather.ts';
import { publishInvoice } from './publish.ts';

const ATTEMPTS = 5;

/**
 * Computes a subscription's draft or skipped invoice: inputs are gathered outside of the lock, the result is written under it.
 * Any number of times gives the same lines and totals (billing.md 5.1). An invoice that has become final meanwhile stays as it is;
 * for one that has changed the inputs are gathered again, so that what is old never replaces what is younger.
 * Throws `version_conflict` when it changes again and again.
 */
export async function computeDraft(dependencies: BillingDependencies, ctx: RequestContext, id: string): Promise<Invoice> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const read = await dependencies.database.withTenant(ctx, (tx) => invoiceRepository.get(tx, id));
    const gathered = await gatherInputs(dependencies, ctx, scopeOf(read));
    const invoice = await dependencies.database.withTenant(ctx, async (tx) => {
      const locked = await invoiceRepository.lock(tx, id);
      if (!isComputable(locked)) return locked;
      return locked.version === read.version ? writeComputed(tx, ctx, dependencies, locked, gathered) : null;
    });
    if (invoice !== null) return invoice;
  }
  throw new DomainError('version_conflict', 'the invoice is being changed by others, try again', { id });
}

function isComputable({ invoiceStatus, isManuallyEdited }: Invoice): boolean {
  return (invoiceStatus === 'DRAFT' || invoiceStatus === 'SKIPPED') && !isManuallyEdited;
}

function scopeOf(invoice: Invoice): InvoiceScope {
  const { subscriptionId, fullPeriodEnd } = invoice;
  const referencePoint = referencePointOf(invoice.billingReason);
  if (subscriptionId === null || referencePoint === null)
    throw invalidOperation('only an invoice of a subscription can be computed', { id: invoice.id });
  return { subscriptionId, referencePoint, period: periodOf(invoice), fullPeriodEnd };
}

function periodOf({ id, periodStart, periodEnd }: Invoice): Period {
  if (periodStart === null || periodEnd === null) throw new Error(`invoice ${id} has no period`);
  return { start: periodStart, end: periodEnd };
}

async function writeComputed(
  tx: TenantTransaction,
  ctx: RequestContext,
  { clock, finalizationDelaySeconds }: BillingDependencies,
  locked: Invoice,
  { basis, usage }: GatheredInputs,
): Promise<Invoice> {
  const now = clock.now();
  const invoiced = await invoiceRepository.invoicedLines(tx, { subscriptionId: basis.subscription.id, except: locked.id, ...basis.period });
  const { totalTax, adjustmentAmount, amountPaid } = locked;
  const computed = computeInvoice({ ...basis, usage, invoiced, settlement: { totalTax, adjustmentAmount, amountPaid } });
  const existing = new Map((await invoiceRepository.linesOf(tx, [locked.id])).map((line) => [identityOf(line), line]));
  await invoiceRepository.replaceLines(
    tx,
    locked.id,
    computed.lines.map((line): NewInvoiceLine => {
      const before = existing.get(identityOf(line));
      return {
        ...line,
        id: before?.id ?? newId('inv_line', clock),
        invoiceId: locked.id,
        createdAt: before?.createdAt ?? now,
        updatedAt: now,
      };
    }),
  );
  // Usage that is still on its way counts: there is nothing to bill only when the wait for it is over.
  const isSkipped = computed.isSkipped && isDue({ ...locked, lastComputedAt: locked.lastComputedAt ?? now }, now, finalizationDelaySeconds);
  const invoice = await invoiceRepository.update(
    tx,
    locked,
    { ...computed.totals, invoiceStatus: isSkipped ? 'SKIPPED' : 'DRAFT', lastComputedAt: now, updatedAt: now },
    ctx.actorId,
  );
  await publishInvoice(tx, clock, 'update', invoice);
  return invoice;
}

/** What makes a line of one computation the same line in the next one (billing.md 5.1). */
function identityOf({ subscriptionLineItemId, priceId, periodStart, periodEnd }: ComputedLine | InvoiceLine): string {
  return JSON.stringify([subscriptionLineItemId, priceId, periodStart?.toMillis(), periodEnd?.toMillis()]);
}
