import { toWire } from '#kernel/wire.ts';
import { INVOICE_EMPTY, type InvoiceLine } from './domain/invoice.ts';
import type { CommitmentInfo } from './domain/line-commitment.ts';
import type { InvoicePreview, InvoiceView } from './service/invoice.ts';

/** An invoice as the API shows it; parts that were not asked for are absent. */
export function invoiceToWire({ invoice, lines, customer, subscription }: InvoiceView): unknown {
  const { fullPeriodEnd: _, ...shown } = invoice;
  return toWire({ ...shown, lineItems: lines?.map(lineShown), customer, subscription, ...INVOICE_EMPTY });
}

/** A line with its commitment where clients look for it. */
function lineShown<Line extends Pick<InvoiceLine, 'calculation'>>(line: Line): Line & { commitmentInfo: CommitmentInfo | null } {
  return { ...line, commitmentInfo: line.calculation?.commitment?.info ?? null };
}

/** A preview as the API shows it: an invoice without identity. */
export function previewToWire({ subscription, period, computed }: InvoicePreview, { hideZeroLines }: { hideZeroLines: boolean }): unknown {
  const lines = hideZeroLines ? computed.lines.filter((line) => !line.amount.isZero()) : computed.lines;
  const isSameEnd = +period.end === +subscription.currentPeriodEnd;
  return toWire({
    customerId: subscription.customerId,
    subscriptionCustomerId: subscription.customerId,
    subscriptionId: subscription.id,
    invoiceType: 'SUBSCRIPTION',
    invoiceStatus: 'DRAFT',
    paymentStatus: 'PENDING',
    billingReason: isSameEnd ? 'SUBSCRIPTION_CYCLE' : 'MANUAL',
    currency: subscription.currency,
    ...computed.totals,
    refundedAmount: '0',
    billingPeriod: subscription.billingPeriod,
    periodStart: period.start,
    periodEnd: period.end,
    isManuallyEdited: false,
    version: 1,
    metadata: {},
    lineItems: lines.map(lineShown),
    ...INVOICE_EMPTY,
  });
}
