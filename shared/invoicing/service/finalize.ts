import { publish } from '#platform/resource/publish.ts';
import { invoiceEvents } from '../events.ts';
import { shownInvoice } from '../domain/invoice.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { invalidOperation } from '#kernel/errors.ts';
import type { DateTime } from 'luxon';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { INVOICE_NUMBERS } from '#numbering/domain.ts';
import { nextNumber } from '#numbering/service.ts';
import { type DueTerms, dueDate, type Invoice } from '../domain/invoice.ts';
import { emptyInvoice } from '../domain/pipeline.ts';
import { INVOICE_STATES, PAYMENT_STATES } from '../domain/states.ts';
import type { InvoiceTotals } from '../domain/totals.ts';
import { type InvoiceChange, invoiceRepository } from '../repository/invoices.ts';
import { lineRepository } from '../repository/lines.ts';
import type { BillingDependencies } from './dependencies.ts';
import { keptStages, settlementOf, subjectOf } from './staged.ts';
import { applyMoment } from './pipeline.ts';
import { writeLines } from './write-lines.ts';

type FinalFields = Pick<
  Invoice,
  'invoiceStatus' | 'paymentStatus' | 'paidAt' | 'finalizedAt' | 'issueDate' | 'dueDate' | 'invoiceNumber' | 'nextAttemptAt'
>;

/**
 * What makes an invoice FINALIZED, for the one update of its row (billing.md 5.1): number, dates, and SUCCEEDED where there is nothing to
 * pay. Call it last, because everybody else who finalizes waits for the number from here on. Throws `invalid_operation` for anything but a
 * computed draft.
 */
export async function finalFields(
  tx: TenantTransaction,
  invoice: Pick<Invoice, 'id' | 'invoiceStatus' | 'paymentStatus' | 'paidAt' | 'billingReason' | 'periodEnd' | 'firstComputedAt'>,
  { total }: InvoiceTotals,
  now: DateTime,
  terms: DueTerms,
): Promise<FinalFields> {
  const { id } = invoice;
  const invoiceStatus = INVOICE_STATES.next(invoice.invoiceStatus, 'finalize', { id });
  if (invoice.firstComputedAt === null) throw invalidOperation('the invoice has not been computed yet', { id });
  const isFree = total.isZero();
  return {
    invoiceStatus,
    paymentStatus: isFree ? PAYMENT_STATES.next(invoice.paymentStatus, 'settle', { id }) : invoice.paymentStatus,
    paidAt: isFree ? now : invoice.paidAt,
    finalizedAt: now,
    issueDate: now,
    dueDate: dueDate(invoice, now, terms),
    nextAttemptAt: null,
    invoiceNumber: await nextNumber(tx, 'invoice', INVOICE_NUMBERS, now),
  };
}

/** Finalizes a draft as its lines stand: one whose lines were edited, or do not come from a subscription. The caller holds the row's lock. */
export async function finalizeStored(
  tx: TenantTransaction,
  ctx: RequestContext,
  { clock, pipeline }: BillingDependencies,
  locked: Invoice,
  terms: DueTerms,
): Promise<Invoice> {
  const now = clock.now();
  const lines = await lineRepository.of(tx, [locked.id]);
  const prepared = await pipeline.prepare(tx, ctx, subjectOf(locked), ['final']);
  const made = applyMoment({ ...emptyInvoice(locked.currency, settlementOf(locked)), lines }, prepared, 'final');
  const { ids } = await writeLines(tx, clock, locked.id, made.lines);
  const own = new Set(made.records.map(({ stage }): string => stage));
  const change: InvoiceChange = {
    ...made.totals,
    stages: [...locked.stages.filter(({ stage }) => !own.has(stage)), ...keptStages(made, ids)],
    updatedAt: now,
    ...(await finalFields(tx, locked, made.totals, now, terms)),
  };
  const invoice = await invoiceRepository.update(tx, locked, change);
  await pipeline.settle(tx, ctx, invoice, made);
  await publish(tx, clock, invoiceEvents.finalized, shownInvoice(invoice));
  return invoice;
}

/** Voids an invoice; it keeps its number and frees its period. Throws `invalid_operation` where its states forbid it. */
export async function voidWithin(tx: TenantTransaction, clock: Clock, locked: Invoice): Promise<Invoice> {
  const invoiceStatus = INVOICE_STATES.next(locked.invoiceStatus, 'void', locked);
  const paymentStatus = PAYMENT_STATES.next(locked.paymentStatus, 'void', locked);
  const now = clock.now();
  const change = { invoiceStatus, paymentStatus, voidedAt: now, nextAttemptAt: null, updatedAt: now };
  const invoice = await invoiceRepository.update(tx, locked, change);
  await publish(tx, clock, invoiceEvents.voided, shownInvoice(invoice));
  return invoice;
}
