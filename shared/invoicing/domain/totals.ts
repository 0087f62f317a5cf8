import { type Decimal, max, sum, ZERO } from '#kernel/decimal.ts';

/** The sums of an invoice, in its currency (billing.md 5.2). */
export interface InvoiceTotals {
  readonly subtotal: Decimal;
  readonly totalDiscount: Decimal;
  readonly totalPrepaidCreditsApplied: Decimal;
  readonly totalTax: Decimal;
  readonly total: Decimal;
  readonly adjustmentAmount: Decimal;
  readonly amountDue: Decimal;
  readonly amountPaid: Decimal;
  readonly amountRemaining: Decimal;
}

/** What a line contributes. Every part is rounded already. */
export interface LineAmounts {
  readonly amount: Decimal;
  readonly lineItemDiscount: Decimal;
  readonly invoiceLevelDiscount: Decimal;
  readonly prepaidCreditsApplied: Decimal;
}

/** What the invoice has besides its lines; every recalculation passes what stands, so that earlier adjustments survive. */
export interface Settlement {
  readonly totalTax: Decimal;
  readonly adjustmentAmount: Decimal;
  readonly amountPaid: Decimal;
}

export const UNSETTLED: Settlement = { totalTax: ZERO, adjustmentAmount: ZERO, amountPaid: ZERO };

/**
 * The one function that adds up an invoice (billing.md 5.2.6):
 * total = max(subtotal - credits - discount + tax, 0); due = total - adjustment; remaining = due - paid, never below 0.
 */
export function invoiceTotals(
  lines: readonly LineAmounts[],
  { totalTax, adjustmentAmount, amountPaid }: Settlement = UNSETTLED,
): InvoiceTotals {
  const subtotal = sum(lines.map((line) => line.amount));
  const totalDiscount = sum(lines.map((line) => line.lineItemDiscount.plus(line.invoiceLevelDiscount)));
  const totalPrepaidCreditsApplied = sum(lines.map((line) => line.prepaidCreditsApplied));
  const total = max(subtotal.minus(totalPrepaidCreditsApplied).minus(totalDiscount).plus(totalTax), ZERO);
  const amountDue = total.minus(adjustmentAmount);
  return {
    subtotal,
    totalDiscount,
    totalPrepaidCreditsApplied,
    totalTax,
    total,
    adjustmentAmount,
    amountDue,
    amountPaid,
    amountRemaining: max(amountDue.minus(amountPaid), ZERO),
  };
}
