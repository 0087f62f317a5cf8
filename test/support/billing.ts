import type { Price } from '#catalog/domain/price.ts';
import type { MeterSnapshot, UsageReading } from '#charges/domain/calculation.ts';
import type { BilledItem, EntitlementSource, InvoiceBasis, UsageAnswer, UsageQuestion } from '#charges/domain/inputs.ts';
import { type ComputedLine, chargesStage, type InvoiceInputs } from '#invoicing/domain/charge-lines.ts';
import { applyStages, emptyInvoice, type StagedInvoice, TOTALS } from '#invoicing/domain/pipeline.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { decimal, ZERO } from '#kernel/decimal.ts';
import type { SubscriptionLineItem } from '#subscriptions/domain/line-item.ts';
import { NO_COMMITMENT } from '#subscriptions/domain/commitment.ts';
import type { Subscription } from '#subscriptions/domain/subscription.ts';
import { at } from './conformance.ts';

const ENTITY = {
  tenantId: 'tenant_1',
  environmentId: 'env_1',
  status: 'published',
  createdAt: at('2023-01-01'),
  updatedAt: at('2023-01-01'),
  createdBy: 'test',
  updatedBy: 'test',
} as const;

/** A monthly calendar subscription of November 2023, but for what the test says. */
export function subscriptionOf(change: Partial<Subscription> = {}): Subscription {
  return {
    ...ENTITY,
    id: 'subs_1',
    lookupKey: null,
    customerId: 'cust_1',
    planId: 'plan_1',
    subscriptionStatus: 'active',
    subscriptionType: 'standalone',
    parentSubscriptionId: null,
    currency: 'usd',
    billingCadence: 'RECURRING',
    billingCycle: 'calendar',
    billingPeriod: 'MONTHLY',
    billingPeriodCount: 1,
    billingAnchor: at('2023-12-01'),
    timezone: 'UTC',
    startDate: at('2023-11-01'),
    endDate: null,
    currentPeriodStart: at('2023-11-01'),
    currentPeriodEnd: at('2023-12-01'),
    cancelAt: null,
    cancelAtPeriodEnd: false,
    cancelledAt: null,
    cancellationReason: null,
    collectionMethod: 'charge_automatically',
    paymentBehavior: 'default_active',
    prorationBehavior: 'none',
    paymentTerms: null,
    gatewayPaymentMethodId: null,
    version: 1,
    metadata: {},
    ...change,
  };
}

/** A flat monthly price in usd, but for what the test says. */
export function priceWith(change: Partial<Price> & Pick<Price, 'id'>): Price {
  return {
    ...ENTITY,
    entityType: 'PLAN',
    entityId: 'plan_1',
    type: 'FIXED',
    billingModel: 'FLAT_FEE',
    billingPeriod: 'MONTHLY',
    billingPeriodCount: 1,
    billingCadence: 'RECURRING',
    invoiceCadence: 'ARREAR',
    tierMode: null,
    tiers: null,
    transformQuantity: null,
    amount: decimal(1),
    currency: 'usd',
    displayAmount: '',
    displayName: null,
    description: null,
    lookupKey: null,
    meterId: null,
    minQuantity: null,
    trialPeriodDays: 0,
    parentPriceId: null,
    groupId: null,
    startDate: null,
    endDate: null,
    sequence: 1,
    priceUnitType: 'FIAT',
    priceUnitId: null,
    priceUnit: null,
    priceUnitAmount: null,
    priceUnitTiers: null,
    conversionRate: null,
    metadata: {},
    ...change,
  };
}

export function meterOf(id: string, aggregation: Partial<MeterSnapshot['aggregation']> = {}): MeterSnapshot {
  return {
    id,
    name: id,
    version: 1,
    eventName: id,
    aggregation: { type: 'SUM', field: 'value', multiplier: null, bucketSize: null, groupBy: null, ...aggregation },
    filters: [],
  };
}

/** The line item of a price, as the subscription's creation makes it. */
export function itemOf(price: Price, change: Partial<SubscriptionLineItem> = {}): SubscriptionLineItem {
  return {
    ...ENTITY,
    ...NO_COMMITMENT,
    id: `subs_line_${price.id}`,
    subscriptionId: 'subs_1',
    customerId: 'cust_1',
    entityId: 'plan_1',
    entityType: 'plan',
    planDisplayName: 'Plan',
    priceId: price.id,
    priceType: price.type,
    meterId: price.meterId,
    meterDisplayName: price.meterId,
    priceUnit: null,
    priceUnitId: null,
    displayName: price.id,
    quantity: price.type === 'USAGE' ? ZERO : decimal(1),
    currency: 'usd',
    billingPeriod: price.billingPeriod,
    billingPeriodCount: price.billingPeriodCount,
    invoiceCadence: price.invoiceCadence,
    startDate: at('2023-11-01'),
    endDate: null,
    metadata: {},
    ...change,
  };
}

export function fixed(id: string, amount: Decimal | string, cadence: 'ADVANCE' | 'ARREAR', change: Partial<Price> = {}): BilledItem {
  const price = priceWith({ id, amount: decimal(amount), invoiceCadence: cadence, ...change });
  return { item: itemOf(price), price, bucketPrices: [], meter: null, entitlements: [] };
}

export function usage(id: string, terms: Partial<Price>, entitlements: BilledItem['entitlements'] = []): BilledItem {
  const price = priceWith({ id, type: 'USAGE', meterId: `meter_${id}`, ...terms });
  return { item: itemOf(price), price, bucketPrices: [], meter: meterOf(`meter_${id}`), entitlements };
}

export function entitled(
  limit: string | null,
  reset: EntitlementSource['usageResetPeriod'] = 'MONTHLY',
  change: Partial<EntitlementSource> = {},
): EntitlementSource[] {
  return [
    {
      id: 'ent_1',
      entityType: 'PLAN',
      featureId: 'feat_1',
      featureType: 'metered',
      isEnabled: true,
      usageLimit: limit === null ? null : decimal(limit),
      usageResetPeriod: reset,
      isSoftLimit: false,
      staticValue: null,
      configValue: null,
      parentEntitlementId: null,
      startDate: null,
      endDate: null,
      ...change,
    },
  ];
}

export function basisOf(items: readonly BilledItem[], change: Partial<InvoiceBasis> = {}): InvoiceBasis {
  return {
    subscription: subscriptionOf(),
    externalCustomerId: 'acme',
    inherited: [],
    items,
    referencePoint: 'period_end',
    period: { start: at('2023-11-01'), end: at('2023-12-01') },
    invoiced: [],
    asOf: at('2024-01-01'),
    ...change,
  };
}

/** Answers of a store in which every window of a meter holds what `valueFor` says. */
export function answersOf(questions: readonly UsageQuestion[], valueFor: (meterId: string, window: number) => Decimal): UsageAnswer[] {
  const reading = (period: UsageReading['period'], value: Decimal): UsageReading => ({
    period,
    value,
    eventCount: 1,
    watermark: at('2023-12-01T00:05:00Z'),
  });
  return questions.map((question) => {
    const readings = question.windows.map((window, index) => reading(window, valueFor(question.meterId, index)));
    const whole = readings.length === 1 ? (readings[0]?.value ?? ZERO) : readings.reduce((total, { value }) => total.plus(value), ZERO);
    return {
      lineItemId: question.lineItemId,
      period: question.period,
      readings,
      whole: reading(question.period, whole),
      buckets: null,
      windows: null,
    };
  });
}

/** What the first and the last stage make of an invoice, without any that modules give. */
export function computedInvoice(inputs: InvoiceInputs): Omit<StagedInvoice, 'lines'> & { readonly lines: readonly ComputedLine[] } {
  const charged = applyStages(emptyInvoice(inputs.subscription.currency), [TOTALS, chargesStage(inputs)]);
  return { ...charged, lines: charged.lines as readonly ComputedLine[] };
}
