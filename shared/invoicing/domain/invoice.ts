import type { DateTime } from 'luxon';
import type { RecurringPeriod } from '#kernel/calendar/period.ts';
import type { Decimal } from '#kernel/decimal.ts';
import type { EntityColumns } from '#kernel/wire.ts';
import type { LineCalculation } from '#charges/domain/calculation.ts';
import type { ReferencePoint } from '#charges/domain/fixed-charges.ts';
import type { Computation } from './computation.ts';
import type { InvoiceTotals } from './totals.ts';

export type InvoiceType = 'SUBSCRIPTION' | 'ONE_OFF' | 'CREDIT';
export type InvoiceStatus = 'DRAFT' | 'FINALIZED' | 'VOIDED' | 'SKIPPED';
export type PaymentStatus =
  | 'INITIATED'
  | 'PENDING'
  | 'PROCESSING'
  | 'SUCCEEDED'
  | 'OVERPAID'
  | 'FAILED'
  | 'REFUNDED'
  | 'PARTIALLY_REFUNDED'
  | 'VOIDED';
export type BillingReason =
  | 'SUBSCRIPTION_CREATE'
  | 'SUBSCRIPTION_CYCLE'
  | 'SUBSCRIPTION_UPDATE'
  | 'SUBSCRIPTION_TRIAL_START'
  | 'SUBSCRIPTION_TRIAL_END'
  | 'PRORATION'
  | 'MANUAL'
  | 'AUTO_INVOICE_THRESHOLD'
  | 'WALLET_AUTO_TOPUP';

/** A bill (billing.md 2.3 and 5.1). All amounts are in `currency`, rounded. */
export interface Invoice extends EntityColumns, InvoiceTotals, Computation {
  readonly customerId: string;
  readonly subscriptionCustomerId: string | null;
  readonly subscriptionId: string | null;
  readonly invoiceType: InvoiceType;
  readonly invoiceStatus: InvoiceStatus;
  readonly paymentStatus: PaymentStatus;
  readonly billingReason: BillingReason;
  readonly currency: string;
  readonly refundedAmount: Decimal;
  readonly description: string | null;
  readonly billingPeriod: RecurringPeriod | null;
  readonly periodStart: DateTime | null;
  readonly periodEnd: DateTime | null;
  readonly dueDate: DateTime | null;
  readonly issueDate: DateTime | null;
  readonly paidAt: DateTime | null;
  readonly voidedAt: DateTime | null;
  readonly finalizedAt: DateTime | null;
  /** The wait for late usage counts from here. */
  readonly firstComputedAt: DateTime | null;
  /** When a computation last changed what it holds. */
  readonly lastComputedAt: DateTime | null;
  /** How often it was computed, with or without a change: a slower computation sees by it that its inputs are old. */
  readonly computations: number;
  /** What discounts, credits and taxes were made from: one record for each stage that did something. */
  readonly stages: readonly KeptStage[];
  readonly invoiceNumber: string | null;
  readonly billingSequence: number | null;
  readonly idempotencyKey: string | null;
  readonly isManuallyEdited: boolean;
  readonly version: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a stage of the invoice did, and to which of its lines (null: the whole invoice). */
export interface KeptStage {
  readonly stage: string;
  readonly steps: readonly {
    readonly source: { readonly type: string; readonly id: string };
    readonly lineItemId: string | null;
    readonly base: Decimal;
    readonly amount: Decimal;
    readonly terms: Readonly<Record<string, string>>;
  }[];
}

export interface InvoiceLine extends EntityColumns {
  readonly invoiceId: string;
  readonly customerId: string;
  readonly subscriptionId: string | null;
  readonly subscriptionLineItemId: string | null;
  readonly entityId: string | null;
  readonly entityType: string | null;
  readonly planDisplayName: string | null;
  readonly priceId: string | null;
  readonly priceType: 'FIXED' | 'USAGE' | null;
  readonly meterId: string | null;
  readonly meterDisplayName: string | null;
  readonly priceUnit: string | null;
  readonly priceUnitId: string | null;
  readonly priceUnitAmount: Decimal | null;
  readonly displayName: string;
  readonly amount: Decimal;
  /** What was priced: seats, or usage after its entitlement. */
  readonly quantity: Decimal;
  readonly currency: string;
  readonly periodStart: DateTime | null;
  readonly periodEnd: DateTime | null;
  /** Usage that an entitlement covered; null on lines without one. */
  readonly adjustedEntitlementQuantity: Decimal | null;
  readonly lineItemDiscount: Decimal;
  readonly invoiceLevelDiscount: Decimal;
  readonly prepaidCreditsApplied: Decimal;
  readonly calculation: LineCalculation | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Which charges an invoice holds follows from why it was made (billing.md 3.6 and 5.3), so that computing it again finds the same.
 * Null for reasons whose lines do not come from a subscription's line items.
 */
export function referencePointOf(reason: BillingReason): Exclude<ReferencePoint, 'preview'> | null {
  switch (reason) {
    case 'SUBSCRIPTION_CREATE':
    case 'SUBSCRIPTION_TRIAL_END':
      return 'period_start';
    case 'SUBSCRIPTION_CYCLE':
      return 'period_end';
    case 'PRORATION':
      return 'cancel';
    default:
      return null;
  }
}

/** Days from the later of period end and finalization to the due date, where no payment terms say otherwise. */
export const DUE_DATE_DAYS = 1;

/** What decides about the due date besides the invoice itself: `30 NET`, and the zone whose days are counted. */
export interface DueTerms {
  readonly paymentTerms: string | null;
  readonly timezone: string;
}

/**
 * When an invoice is due: never at its birth (billing.md 5.1). One that opens a period holds fees in advance alone, and does not wait for the
 * period's end: an annual fee would be due after a year (ruling 36). Days are local, and keep the time of day when the clocks change.
 */
export function dueDate(
  { billingReason, periodEnd }: Pick<Invoice, 'billingReason' | 'periodEnd'>,
  finalizedAt: DateTime,
  { paymentTerms, timezone }: DueTerms,
): DateTime {
  const isOpening = referencePointOf(billingReason) === 'period_start';
  const from = !isOpening && periodEnd !== null && periodEnd > finalizedAt ? periodEnd : finalizedAt;
  const days = /^(\d+) NET$/.exec(paymentTerms ?? '')?.[1];
  return from
    .setZone(timezone)
    .plus({ days: days === undefined ? DUE_DATE_DAYS : Number(days) })
    .toUTC();
}

/** Parts of an invoice that other features fill: none yet. Clients expect arrays. */
export const INVOICE_EMPTY = { taxes: [], couponApplications: [] } as const;

/** An invoice as it is shown, without its parts. */
export function shownInvoice(invoice: Invoice) {
  const { computationState: state, computationReason: reason, nextAttemptAt } = invoice;
  return { ...invoice, computation: { state, reason, nextAttemptAt }, ...INVOICE_EMPTY };
}

/** An invoice that closes the usage of a period on a line of a subscription: what was accepted after `countedAt` is not on it. */
export interface FinalUsage {
  readonly lineItemId: string;
  readonly invoiceId: string;
  readonly invoiceNumber: string | null;
  readonly countedAt: DateTime;
  /** Null: there was nothing to bill, and the invoice was skipped. */
  readonly finalizedAt: DateTime | null;
}
