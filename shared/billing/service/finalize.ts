import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalidOperation } from '#kernel/errors.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { dueDate, type Invoice, invoiceNumber, isVoidable, yearMonth } from '../domain/invoice.ts';
import { invoiceTotals } from '../domain/totals.ts';
import { invoiceRepository } from '../repository.ts';
import { publishInvoice } from './publish.ts';

/**
 * The one way to FINALIZED (billing.md 5.1), under the row's lock and in one transaction: totals, number, and SUCCEEDED where there
 * is nothing to pay. Throws `invalid_operation` for anything but a computed draft.
 */
export async function finalizeWithin(
  tx: TenantTransaction,
  ctx: RequestContext,
  clock: Clock,
  locked: Invoice,
  paymentTerms: string | null,
): Promise<Invoice> {
  if (locked.invoiceStatus !== 'DRAFT')
    throw invalidOperation(`a ${locked.invoiceStatus} invoice cannot be finalized`, {
      id: locked.id,
      invoice_status: locked.invoiceStatus,
    });
  if (locked.lastComputedAt === null) throw invalidOperation('the invoice has not been computed yet', { id: locked.id });
  const now = clock.now();
  const totals = invoiceTotals(await invoiceRepository.linesOf(tx, [locked.id]), locked);
  const part = yearMonth(now);
  const isFree = totals.total.isZero();
  const invoice = await invoiceRepository.update(
    tx,
    locked,
    {
      ...totals,
      invoiceStatus: 'FINALIZED',
      paymentStatus: isFree ? 'SUCCEEDED' : locked.paymentStatus,
      paidAt: isFree ? now : locked.paidAt,
      finalizedAt: now,
      issueDate: now,
      dueDate: dueDate(now, locked.periodEnd, paymentTerms),
      // Last, because everybody else who finalizes waits for the sequence from here on.
      invoiceNumber: invoiceNumber(part, await invoiceRepository.nextInSequence(tx, part)),
      updatedAt: now,
    },
    ctx.actorId,
  );
  await publishInvoice(tx, clock, 'update.finalized', invoice);
  return invoice;
}

/** Voids an invoice; it keeps its number and frees its period. Throws `invalid_operation` where its states forbid it. */
export async function voidWithin(tx: TenantTransaction, ctx: RequestContext, clock: Clock, locked: Invoice): Promise<Invoice> {
  if (!isVoidable(locked))
    throw invalidOperation(`an invoice that is ${locked.invoiceStatus} with payment ${locked.paymentStatus} cannot be voided`, {
      id: locked.id,
      invoice_status: locked.invoiceStatus,
    });
  const now = clock.now();
  const invoice = await invoiceRepository.update(tx, locked, { invoiceStatus: 'VOIDED', voidedAt: now, updatedAt: now }, ctx.actorId);
  await publishInvoice(tx, clock, 'update.voided', invoice);
  return invoice;
}
