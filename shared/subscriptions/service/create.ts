import type { DateTime } from 'luxon';
import type { Price } from '#catalog/domain/price.ts';
import { changedTerms, draftFrom, type PriceTermsChange } from '#catalog/service/price-write.ts';
import type { Customer } from '#customers/domain.ts';
import { billingAnchor } from '#kernel/calendar/billing-dates.ts';
import type { BillingCycle, RecurringPeriod } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { invalid } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { NO_COMMITMENT } from '../domain/commitment.ts';
import { lineQuantity, lineStart, takenPrices } from '../domain/line-item.ts';
import { periodFrom, requireNearAnchor } from '../domain/periods.ts';
import type { CollectionMethod, PaymentBehavior, ProrationBehavior, Subscription } from '../domain/subscription.ts';
import { type NewLineItem, type NewSubscription, subscriptionRepository } from '../repository/subscriptions.ts';
import { type CommitmentRequest, requireKnownPrices, writeCommitment } from './commitments.ts';
import type { SubscriptionDependencies } from './dependencies.ts';

const EARLIEST_YEAR = 2000;
const LATEST_YEAR = 9999;

export interface LineOverride {
  readonly priceId: string;
  readonly quantity: Decimal | null;
  readonly terms: PriceTermsChange | null;
}

/** What a caller decides about a new subscription; null leaves it to the rules. */
export interface CreateSubscription {
  readonly customerId: string | null;
  readonly externalCustomerId: string | null;
  readonly planId: string;
  readonly currency: string;
  readonly lookupKey: string | null;
  readonly startDate: DateTime | null;
  readonly endDate: DateTime | null;
  readonly billingPeriod: RecurringPeriod;
  readonly billingPeriodCount: number;
  readonly billingCycle: BillingCycle;
  readonly billingAnchor: DateTime | null;
  readonly subscriptionStatus: string | null;
  readonly collectionMethod: CollectionMethod;
  readonly paymentBehavior: PaymentBehavior;
  readonly prorationBehavior: ProrationBehavior;
  readonly paymentTerms: string | null;
  readonly overrides: readonly LineOverride[];
  readonly commitments: readonly CommitmentRequest[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Customers that inherit the subscription, which makes it a parent. */
  readonly inheritors: readonly string[];
  /** The subscription that the customer inherits instead of having one of its own. */
  readonly parentSubscriptionId: string | null;
}

/**
 * Writes a subscription with its line items, in the running transaction (billing.md 4.1). Throws before anything is written when
 * customer, plan or prices do not fit.
 */
export async function writeSubscription(
  tx: TenantTransaction,
  ctx: RequestContext,
  dependencies: SubscriptionDependencies,
  request: CreateSubscription,
): Promise<Subscription> {
  const { clock, customers, plans, prices, meters } = dependencies;
  const inside = { ...ctx, transaction: tx };
  refuseStates(request);
  const customer = await customerOf(customers, tx, request);
  const plan = await plans.getHeld(tx, request.planId);
  const subscription = draftOf(request, customer, clock.now(), newId('subs', clock));
  const offered = takenPrices(await prices.forPlan(inside, plan.id, { currency: request.currency }), subscription);
  requireBillable(offered, request);
  requireKnownPrices(request.commitments, offered);

  const priced = await Promise.all(offered.map((price) => overridden(tx, dependencies, subscription, price, request.overrides)));
  const measured = new Map(
    (await meters.getMany(inside, [...new Set(offered.flatMap((price) => price.meterId ?? []))])).map((meter) => [meter.id, meter]),
  );
  const commitments = await Promise.all(
    priced.map(({ price, offeredId }) =>
      writeCommitment(
        tx,
        dependencies,
        subscription.id,
        { price, meter: measured.get(price.meterId ?? '') ?? null },
        request.commitments.find(({ priceId }) => priceId === offeredId),
      ),
    ),
  );
  const items = priced.map(
    ({ price, quantity }, index): NewLineItem => ({
      ...(commitments[index] ?? NO_COMMITMENT),
      id: newId('subs_line', clock),
      subscriptionId: subscription.id,
      customerId: customer.id,
      entityId: plan.id,
      entityType: 'plan',
      planDisplayName: plan.name,
      priceId: price.id,
      priceType: price.type,
      meterId: price.meterId,
      meterDisplayName: measured.get(price.meterId ?? '')?.name ?? null,
      priceUnit: price.priceUnit,
      priceUnitId: price.priceUnitId,
      displayName: price.displayName ?? measured.get(price.meterId ?? '')?.name ?? plan.name,
      quantity,
      currency: subscription.currency,
      billingPeriod: price.billingPeriod,
      billingPeriodCount: price.billingPeriodCount,
      invoiceCadence: price.invoiceCadence,
      startDate: lineStart(subscription.startDate, price.startDate),
      endDate: price.endDate,
      metadata: {},
      createdAt: subscription.createdAt,
      updatedAt: subscription.createdAt,
    }),
  );
  const written = await subscriptionRepository.insert(tx, subscription);
  await subscriptionRepository.insertItems(tx, items);
  return written;
}

/** States that need what this release does not have: trials, drafts, and payments that decide about the status. */
export function refuseStates({ subscriptionStatus, paymentBehavior, startDate, endDate }: CreateSubscription): void {
  if (subscriptionStatus !== null && subscriptionStatus !== 'active')
    throw invalid('subscription_status', 'only active subscriptions can be created yet');
  if (paymentBehavior !== 'default_active') throw invalid('payment_behavior', 'only default_active is supported yet');
  if (startDate !== null && endDate !== null && endDate <= startDate) throw invalid('end_date', 'must be after start_date');
}

/** The customer of a request, as it stays until the transaction ends. Throws NotFound, and a validation error for two names of two customers. */
export async function customerOf(
  customers: SubscriptionDependencies['customers'],
  tx: TenantTransaction,
  { customerId, externalCustomerId }: CreateSubscription,
): Promise<Customer> {
  if (customerId === null && externalCustomerId === null) throw invalid('customer_id', 'customer_id or external_customer_id is required');
  const customer = await customers.getHeld(tx, customerId === null ? { externalId: externalCustomerId ?? '' } : { id: customerId });
  if (externalCustomerId !== null && customer.externalId !== externalCustomerId)
    throw invalid('external_customer_id', 'names another customer than customer_id');
  return customer;
}

function draftOf(request: CreateSubscription, customer: Customer, now: DateTime, id: string): NewSubscription {
  const startDate = request.startDate ?? now;
  const { billingPeriod, billingPeriodCount, endDate } = request;
  if (endDate !== null && endDate <= startDate) throw invalid('end_date', 'must be after start_date');
  const { timezone } = customer;
  const rhythm = {
    billingPeriod,
    billingPeriodCount,
    timezone,
    endDate,
    cancelAt: null,
    billingAnchor: billingAnchor({
      cycle: request.billingCycle,
      explicit: request.billingAnchor,
      start: startDate,
      period: billingPeriod,
      timezone,
    }),
  };
  // Every period since the start is closed one by one: a typing error in the year must not make thousands of invoices.
  if (startDate.year < EARLIEST_YEAR) throw invalid('start_date', `must not be before ${EARLIEST_YEAR}`);
  const first = periodFrom(rhythm, startDate);
  if (request.billingAnchor !== null) requireNearAnchor(rhythm, startDate);
  if (first.end.year > LATEST_YEAR) throw invalid('billing_period_count', `the first period must end by the year ${LATEST_YEAR}`);
  return {
    ...rhythm,
    id,
    lookupKey: request.lookupKey,
    customerId: customer.id,
    planId: request.planId,
    subscriptionStatus: 'active',
    subscriptionType: request.inheritors.length > 0 ? 'parent' : 'standalone',
    parentSubscriptionId: null,
    currency: request.currency,
    billingCadence: 'RECURRING',
    billingCycle: request.billingCycle,
    startDate,
    currentPeriodStart: first.start,
    currentPeriodEnd: first.end,
    cancelAtPeriodEnd: false,
    cancelledAt: null,
    cancellationReason: null,
    collectionMethod: request.collectionMethod,
    paymentBehavior: request.paymentBehavior,
    prorationBehavior: request.prorationBehavior,
    paymentTerms: request.paymentTerms,
    gatewayPaymentMethodId: null,
    version: 1,
    metadata: request.metadata,
    createdAt: now,
    updatedAt: now,
  };
}

function requireBillable(offered: readonly Price[], { currency, billingPeriod, overrides }: CreateSubscription): void {
  if (offered.length === 0) throw invalid('plan_id', `the plan has no price in ${currency} for a ${billingPeriod} subscription`);
  if (offered.some((price) => price.trialPeriodDays > 0)) throw invalid('plan_id', 'prices with a trial period are not supported yet');
  const ids = new Set(offered.map((price) => price.id));
  const stranger = overrides.find((override) => !ids.has(override.priceId));
  if (stranger) throw invalid('override_line_items.price_id', `${JSON.stringify(stranger.priceId)} is not a price of this subscription`);
  if (new Set(overrides.map((override) => override.priceId)).size < overrides.length)
    throw invalid('override_line_items.price_id', 'a price can be overridden once');
}

/** An override of what decides the amount is a price of its own, scoped to the subscription (billing.md 4.1). */
async function overridden(
  tx: TenantTransaction,
  { prices }: SubscriptionDependencies,
  subscription: NewSubscription,
  price: Price,
  overrides: readonly LineOverride[],
): Promise<{ price: Price; quantity: Decimal; offeredId: string }> {
  const override = overrides.find(({ priceId }) => priceId === price.id);
  const quantity = lineQuantity(price, override?.quantity ?? null);
  if (!override?.terms) return { price, quantity, offeredId: price.id };
  const own = await prices.createWithin(tx, {
    ...draftFrom(price),
    ...changedTerms(price, override.terms),
    entityType: 'SUBSCRIPTION',
    entityId: subscription.id,
    parentPriceId: price.parentPriceId ?? price.id,
    lookupKey: null,
  });
  return { price: own, quantity, offeredId: price.id };
}
