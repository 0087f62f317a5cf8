import { shaped } from '#platform/resource/shape.ts';
import { shownSubscription } from '#subscriptions/domain/subscription.ts';
import { InvoicePreviewResponse, InvoiceResponse } from '../contracts/invoice.ts';
import { INVOICE_EMPTY, shownInvoice } from '../domain/invoice.ts';
import { bounded } from '../domain/line-details.ts';
import { LINES_BYTES, type LeftOut } from '../domain/shown-lines.ts';
import type { InvoicePreview } from '../service/invoice.ts';
import { type InvoiceView, withInfo } from '../service/views.ts';

/** An invoice as the API shows it; parts that were not asked for are absent. */
export function invoiceToWire({ invoice, lines, leftOut, customer, subscription }: InvoiceView): unknown {
  return shaped(InvoiceResponse, {
    ...shownInvoice(invoice),
    lineItems: lines,
    leftOut: leftOut.length > 0 ? leftOut : null,
    customer,
    subscription: subscription && shownSubscription(subscription),
  });
}

/** A preview as the API shows it: an invoice without identity. What is long or too large is left out, as on an invoice, and not kept. */
export function previewToWire({ subscription, period, computed }: InvoicePreview, { hideZeroLines }: { hideZeroLines: boolean }): unknown {
  const lines = hideZeroLines ? computed.lines.filter((line) => !line.amount.isZero()) : computed.lines;
  const isSameEnd = +period.end === +subscription.currentPeriodEnd;
  const show = (own: readonly object[] | null, leftOut: readonly LeftOut[]) =>
    shaped(InvoicePreviewResponse, {
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
      lineItems: own,
      leftOut: leftOut.length > 0 ? leftOut : null,
      ...INVOICE_EMPTY,
    });
  const fits = (shown: unknown): boolean => Buffer.byteLength(JSON.stringify(shown)) <= LINES_BYTES;
  const explained = show(
    lines.map((line) => withInfo({ ...line, calculation: line.calculation && bounded(line.calculation).calculation })),
    [],
  );
  if (fits(explained)) return explained;
  const bare = show(
    lines.map((line) => ({ ...withInfo(line), calculation: null })),
    ['line_items.calculation'],
  );
  return fits(bare) ? bare : show(null, ['line_items', 'line_items.calculation']);
}
