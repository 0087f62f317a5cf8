import { fiatToUnits } from '#catalog/domain/price-unit.ts';
import type { Price } from '#catalog/domain/price.ts';
import type { Period } from '#kernel/calendar/period.ts';
import { type Decimal, ZERO } from '#kernel/decimal.ts';
import { currencyDigits, roundToCurrency } from '#kernel/money.ts';
import { type LineCalculation, priceSnapshot } from '#charges/domain/calculation.ts';
import { type FixedCharge, fixedChargesFor } from '#charges/domain/fixed-charges.ts';
import type { BilledItem, InvoiceBasis, UsageAnswer } from '#charges/domain/inputs.ts';
import { commitmentInfo, roundedParts } from '#charges/domain/line-commitment.ts';
import type { PreparedStage, StagedLine } from './pipeline.ts';
import { shownEntitlement, shownRule } from '#charges/domain/usage-allowance.ts';
import { type UsageCharge, usageCharge, usageQuestions } from '#charges/domain/usage-charges.ts';

export interface InvoiceInputs extends InvoiceBasis {
  /** Answers to `usageQuestions(basis)`. */
  readonly usage: readonly UsageAnswer[];
}

/** A line that charges made: it always has a period and says what it was made from. */
export type ComputedLine = StagedLine & {
  readonly calculation: LineCalculation;
  readonly periodStart: Period['start'];
  readonly periodEnd: Period['end'];
};

/** The first stage: the lines that follow from what the subscription holds and what was used. */
export function chargesStage(inputs: InvoiceInputs): PreparedStage {
  return { name: 'charges', apply: (invoice) => ({ ...invoice, lines: chargeLines(inputs) }) };
}

/**
 * The charges of an invoice, line by line in the order of the line items, fixed charges first. Each line is rounded once, to the
 * currency, half away from zero. A usage line without usage is kept, so that a customer sees that it was looked at. A price that cannot
 * be computed fails the whole (billing.md section 12, rule 8). Throws RangeError when an answer to a usage question is missing.
 */
export function chargeLines(inputs: InvoiceInputs): ComputedLine[] {
  return [...fixedLines(inputs), ...usageLines(inputs)].filter((line) => inputs.referencePoint === 'preview' || !isInvoiced(line, inputs));
}

/**
 * A line item that another invoice of the subscription has charged for an overlapping time (billing.md 3.6); two of one price are two.
 * What is charged once is charged once for its price, whichever line item it came by.
 */
function isInvoiced(line: ComputedLine, { items, invoiced }: Pick<InvoiceInputs, 'items' | 'invoiced'>): boolean {
  const isOnce = items.some(({ item }) => item.id === line.subscriptionLineItemId && item.billingPeriod === 'ONETIME');
  return invoiced.some(({ lineItemId, priceId, priceType, period }) => {
    const isSame = lineItemId === line.subscriptionLineItemId && priceType === line.priceType;
    if (!isSame && !(isOnce && priceId === line.priceId)) return false;
    const equal = +period.start === +line.periodStart && +period.end === +line.periodEnd;
    return equal || (period.start < line.periodEnd && line.periodStart < period.end);
  });
}

function fixedLines({ items, subscription, period, referencePoint }: InvoiceInputs): ComputedLine[] {
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
    subscription,
    period,
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
    const charge = usageCharge(billed, question, answer, inputs);
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
      entitlement: allowance === null ? null : allowanceCalculation(allowance),
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

function allowanceCalculation({ rule, pieces }: NonNullable<UsageCharge['allowance']>): LineCalculation['entitlement'] {
  const shown = shownEntitlement(pieces);
  return {
    sources: [...new Set(pieces.flatMap(({ entitlement }) => entitlement?.sources.map(({ id }) => id) ?? []))],
    limit: shown?.usageLimit ?? null,
    reset: shown?.usageResetPeriod ?? null,
    rule: shownRule(rule, pieces),
    pieces: pieces.map(({ span, since, limit, usage }) => ({ period: span, since, limit, ...usage })),
  };
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
