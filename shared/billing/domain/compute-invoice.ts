import { fiatToUnits } from '#catalog/domain/price-unit.ts';
import type { Price } from '#catalog/domain/price.ts';
import type { Period } from '#kernel/calendar/period.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { currencyDigits, roundToCurrency } from '#kernel/money.ts';
import { type LineCalculation, priceSnapshot } from './calculation.ts';
import { type FixedCharge, fixedChargesFor } from './fixed-charges.ts';
import type { BilledItem, InvoiceBasis, InvoicedLine, UsageAnswer } from './inputs.ts';
import type { InvoiceLine } from './invoice.ts';
import { commitmentInfo, roundedParts } from './line-commitment.ts';
import { type InvoiceTotals, invoiceTotals, type Settlement, UNSETTLED } from './totals.ts';
import { usageCharge, usageQuestions } from './usage-charges.ts';

export interface InvoiceInputs extends InvoiceBasis {
  /** Answers to `usageQuestions(basis)`. */
  readonly usage: readonly UsageAnswer[];
  /** What the invoice has already besides its lines; nothing for a new one. */
  readonly settlement?: Settlement;
}

type Assigned = 'id' | 'invoiceId' | 'tenantId' | 'environmentId' | 'status' | 'createdAt' | 'updatedAt' | 'createdBy' | 'updatedBy';
/** A line without an identity yet. */
export type ComputedLine = Omit<InvoiceLine, Assigned> & {
  readonly calculation: LineCalculation;
  readonly periodStart: Period['start'];
  readonly periodEnd: Period['end'];
};

export interface ComputedInvoice {
  readonly lines: readonly ComputedLine[];
  readonly totals: InvoiceTotals;
  /** Nothing to bill: the invoice is SKIPPED and not finalized (billing.md 5.1). Its lines still say why. */
  readonly isSkipped: boolean;
}

/**
 * The invoice that follows from its inputs, line by line in the order of the line items, fixed charges first: same inputs, same
 * invoice. Each line is rounded once, to the currency, half away from zero. A usage line without usage is kept, so that a customer
 * sees that it was looked at. A price that cannot be computed fails the whole (billing.md section 12, rule 8).
 * Throws RangeError when an answer to a usage question is missing.
 */
export function computeInvoice(inputs: InvoiceInputs): ComputedInvoice {
  const lines = [...fixedLines(inputs), ...usageLines(inputs)].filter(
    (line) => inputs.referencePoint === 'preview' || !isInvoiced(line, inputs.invoiced),
  );
  const totals = invoiceTotals(lines, inputs.settlement ?? UNSETTLED);
  return { lines, totals, isSkipped: totals.subtotal.isZero() };
}

/** A price that another invoice of the subscription has charged for an overlapping time (billing.md 3.6). */
function isInvoiced(line: ComputedLine, invoiced: readonly InvoicedLine[]): boolean {
  return invoiced.some(({ priceId, period }) => {
    if (priceId !== line.priceId) return false;
    const equal = +period.start === +line.periodStart && +period.end === +line.periodEnd;
    return equal || (period.start < line.periodEnd && line.periodStart < period.end);
  });
}

function fixedLines({ items, subscription, period, fullPeriodEnd, referencePoint }: InvoiceInputs): ComputedLine[] {
  const byId = new Map(items.map((billed) => [billed.item.id, billed]));
  const charges = fixedChargesFor({
    items: items.map(({ item, price }) => ({
      id: item.id,
      price,
      quantity: item.quantity,
      startDate: item.startDate,
      endDate: item.endDate,
      billingPeriod: item.billingPeriod,
      billingPeriodCount: item.billingPeriodCount,
      invoiceCadence: item.invoiceCadence,
    })),
    subscription: { ...subscription, anchor: subscription.billingAnchor },
    invoicePeriod: { start: period.start, end: fullPeriodEnd ?? period.end },
    referencePoint,
  });
  return charges.map((charge) => fixedLine(byId.get(charge.lineItemId) as BilledItem, charge));
}

function fixedLine(billed: BilledItem, charge: FixedCharge): ComputedLine {
  return line(billed, charge.period, charge.quantity, {
    price: priceSnapshot(billed.price),
    usage: null,
    entitlement: null,
    quantityBeforeEntitlement: charge.quantity,
    quantity: charge.quantity,
    steps: charge.steps,
    commitment: null,
    proration: charge.proration,
    unroundedAmount: charge.unroundedAmount,
    rounding: roundingOf(billed),
    amount: charge.amount,
  });
}

function usageLines(inputs: InvoiceInputs): ComputedLine[] {
  const { items, externalCustomerId, inherited, usage } = inputs;
  const byId = new Map(items.map((billed) => [billed.item.id, billed]));
  return usageQuestions(inputs).map((question) => {
    const billed = byId.get(question.lineItemId) as BilledItem;
    const answer = usage.find(
      ({ lineItemId, period }) =>
        lineItemId === question.lineItemId && +period.start === +question.period.start && +period.end === +question.period.end,
    );
    if (answer === undefined || billed.meter === null) throw new RangeError(`no usage was read for line item ${question.lineItemId}`);
    const charge = usageCharge(billed, answer, inputs);
    const { allowance, commitment } = charge;
    const amount = roundToCurrency(charge.unroundedAmount, billed.item.currency);
    return line(billed, answer.period, charge.quantity, {
      price: priceSnapshot(billed.price),
      usage: {
        meter: billed.meter,
        externalCustomerId,
        ...summed(inherited, answer.period),
        readings: answer.readings,
        buckets: answer.buckets,
      },
      entitlement:
        allowance === null
          ? null
          : {
              sources: allowance.entitlement.sources.map((source) => source.id),
              limit: allowance.entitlement.usageLimit,
              reset: allowance.entitlement.usageResetPeriod,
              rule: allowance.rule,
            },
      quantityBeforeEntitlement: charge.quantityBeforeEntitlement,
      quantity: charge.quantity,
      steps: charge.steps,
      commitment: commitment && { ...commitment, info: commitmentInfo(billed, roundedParts(commitment, amount, billed.item.currency)) },
      proration: null,
      unroundedAmount: charge.unroundedAmount,
      rounding: roundingOf(billed),
      amount,
    });
  });
}

/** Those who inherit the subscription by the end of the period: whoever ended before still counts where usage never resets. */
function summed(inherited: InvoiceBasis['inherited'], { end }: Period): Pick<NonNullable<LineCalculation['usage']>, 'inherited'> {
  const begun = inherited.filter(({ start }) => start < end);
  return begun.length === 0 ? {} : { inherited: begun };
}

function line({ item, price, meter }: BilledItem, period: Period, quantity: Decimal, calculation: LineCalculation): ComputedLine {
  return {
    customerId: item.customerId,
    subscriptionId: item.subscriptionId,
    subscriptionLineItemId: item.id,
    entityId: item.entityId,
    entityType: item.entityType,
    planDisplayName: item.planDisplayName,
    priceId: price.id,
    priceType: price.type,
    meterId: meter?.id ?? null,
    meterDisplayName: meter?.name ?? null,
    priceUnit: item.priceUnit,
    priceUnitId: item.priceUnitId,
    priceUnitAmount: unitAmount(price, calculation.amount),
    displayName: item.displayName,
    amount: calculation.amount,
    quantity,
    currency: item.currency,
    periodStart: period.start,
    periodEnd: period.end,
    adjustedEntitlementQuantity: calculation.entitlement === null ? null : calculation.quantityBeforeEntitlement.minus(quantity),
    lineItemDiscount: ZERO,
    invoiceLevelDiscount: ZERO,
    prepaidCreditsApplied: ZERO,
    calculation,
    metadata: {},
  };
}

/** The amount in the price's custom unit (billing.md 3.4); null for a price in money. */
function unitAmount(price: Price, amount: Decimal): Decimal | null {
  if (price.priceUnitType !== 'CUSTOM' || price.conversionRate === null) return null;
  return fiatToUnits(amount, { baseCurrency: price.currency, conversionRate: price.conversionRate });
}

function roundingOf({ item }: BilledItem): LineCalculation['rounding'] {
  return { currency: item.currency, digits: currencyDigits(item.currency), mode: 'half_away_from_zero' };
}
