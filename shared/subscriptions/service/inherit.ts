import type { DateTime } from 'luxon';
import type { Customer } from '#customers/domain.ts';
import { later } from '#kernel/calendar/period.ts';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError, invalid, invalidOperation } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { type Inheritor, MAX_INHERITORS, requireOneLevel } from '../domain/inheritance.ts';
import { knownEnd } from '../domain/periods.ts';
import { SUBSCRIPTION_STATES } from '../domain/states.ts';
import type { Subscription } from '../domain/subscription.ts';
import { type NewSubscription, subscriptionRepository } from '../repository/subscriptions.ts';
import { changeSubscription } from './change.ts';
import { type CreateSubscription, customerOf, refuseStates } from './create.ts';
import type { SubscriptionDependencies } from './dependencies.ts';

const INHERITORS = 'inheritance.external_customer_ids_to_inherit_subscription';
const PARENT = 'inheritance.parent_subscription_id';

/**
 * The customers that are to inherit a new subscription (billing.md 4.10), in the order of the request; none of a standalone one.
 * Before anything is written: throws NotFound for an unknown one, a validation error or `already_exists` where one cannot inherit. All
 * customers stay locked until the transaction ends, the owner included: of two hierarchies that meet, one sees the other.
 */
export async function inheritorsOf(
  tx: TenantTransaction,
  { customers }: SubscriptionDependencies,
  request: CreateSubscription,
): Promise<Inheritor[]> {
  const names = request.inheritors;
  if (names.length === 0) return [];
  if (request.parentSubscriptionId !== null) throw invalid(PARENT, 'an inherited subscription cannot be inherited again');
  const held = await customers.holdAlone(tx, {
    ids: request.customerId === null ? [] : [request.customerId],
    externalIds: [...names, ...(request.externalCustomerId === null ? [] : [request.externalCustomerId])],
  });
  const inheritors = names.map((externalId, index): Inheritor => {
    const field = `${INHERITORS}[${index}]`;
    if (names.indexOf(externalId) < index) throw invalid(field, 'is named twice', { value: externalId });
    const customer = held.find((each) => each.externalId === externalId);
    if (!customer) throw new DomainError('not_found', 'customer not found', { entity: 'customer', id: externalId, field });
    return { customerId: customer.id, externalId, field };
  });
  const owner = await customerOf(customers, tx, request);
  const related = await subscriptionRepository.relatedOf(tx, [owner.id, ...inheritors.map(({ customerId }) => customerId)]);
  requireOneLevel({ customerId: owner.id, field: 'inheritance' }, inheritors, request.planId, related);
  return inheritors;
}

/** Writes what each of the customers inherits: a subscription without lines that has its parent's terms, periods and state. */
export function writeInherited(
  tx: TenantTransaction,
  { clock }: SubscriptionDependencies,
  parent: Subscription,
  inheritors: readonly Inheritor[],
): Promise<Subscription[]> {
  return subscriptionRepository.insertMany(
    tx,
    inheritors.map(({ customerId }) =>
      skeletonOf(
        parent,
        { id: newId('subs', clock), customerId, startDate: parent.startDate, lookupKey: null, metadata: {} },
        parent.createdAt,
      ),
    ),
  );
}

/**
 * Lets a customer inherit a subscription that runs already and becomes a parent by it, in the running transaction. Nothing that has been
 * invoiced changes: the start lies in the parent's current period or later. Throws before anything is written: NotFound, a validation
 * error for what only the parent decides, `invalid_operation` for a parent that has ended.
 */
export async function inheritRunning(
  tx: TenantTransaction,
  ctx: RequestContext,
  dependencies: SubscriptionDependencies,
  request: CreateSubscription,
  parentId: string,
): Promise<Subscription> {
  const { customers, clock } = dependencies;
  refuseStates(request);
  const { customerId: ownerId } = await subscriptionRepository.get(tx, parentId);
  await customers.holdAlone(tx, {
    ids: [ownerId, ...(request.customerId === null ? [] : [request.customerId])],
    externalIds: request.externalCustomerId === null ? [] : [request.externalCustomerId],
  });
  const customer = await customerOf(customers, tx, request);
  const parent = await subscriptionRepository.lock(tx, parentId);
  requireSameTerms(parent, request);
  const startDate = startOf(parent, request, clock.now());
  await requireRoom(tx, parent, customer);
  const locked =
    parent.subscriptionType === 'parent'
      ? parent
      : await changeSubscription(tx, ctx, clock, parent, { subscriptionType: 'parent' }, 'updated');
  return subscriptionRepository.insert(
    tx,
    skeletonOf(
      locked,
      { id: newId('subs', clock), customerId: customer.id, startDate, lookupKey: request.lookupKey, metadata: request.metadata },
      clock.now(),
    ),
  );
}

async function requireRoom(tx: TenantTransaction, parent: Subscription, customer: Customer): Promise<void> {
  if (parent.subscriptionType === 'inherited') throw invalid(PARENT, 'is inherited itself, and a hierarchy has one level');
  const related = await subscriptionRepository.relatedOf(tx, [parent.customerId, customer.id]);
  requireOneLevel(
    { customerId: parent.customerId, field: PARENT },
    [{ customerId: customer.id, externalId: customer.externalId, field: PARENT }],
    parent.planId,
    related,
  );
  if ((await subscriptionRepository.inheritedFrom(tx, [parent.id])).length >= MAX_INHERITORS)
    throw invalidOperation(`a subscription is inherited by ${MAX_INHERITORS} customers at most`, { id: parent.id });
}

/** What a request repeats of the parent's terms must be so, and what only a subscription with lines can have must be left out. */
function requireSameTerms(parent: Subscription, request: CreateSubscription): void {
  const { planId, currency, billingPeriod, billingPeriodCount } = parent;
  const repeated = {
    plan_id: [planId, request.planId],
    currency: [currency, request.currency],
    billing_period: [billingPeriod, request.billingPeriod],
    billing_period_count: [billingPeriodCount, request.billingPeriodCount],
  };
  for (const [field, [own, asked]] of Object.entries(repeated))
    if (own !== asked) throw invalid(field, `must be ${own}, as it is of the subscription that is inherited`);
  const parents = {
    end_date: request.endDate,
    billing_anchor: request.billingAnchor,
    override_line_items: request.overrides[0],
    line_item_commitments: request.commitments[0],
  };
  for (const [field, asked] of Object.entries(parents))
    if (asked != null) throw invalid(field, 'is decided by the subscription that is inherited');
  SUBSCRIPTION_STATES.next(parent.subscriptionStatus, 'inherit', parent);
}

function startOf(parent: Subscription, { startDate }: CreateSubscription, now: DateTime): DateTime {
  const earliest = later(parent.startDate, parent.currentPeriodStart);
  const start = startDate ?? later(now, earliest);
  if (start < earliest) throw invalid('start_date', 'must not be before the current period of the subscription that is inherited');
  const end = knownEnd(parent);
  if (end !== null && start >= end) throw invalid('start_date', 'must be before the end of the subscription that is inherited');
  return start;
}

type Own = Pick<NewSubscription, 'id' | 'customerId' | 'startDate' | 'lookupKey' | 'metadata'>;

function skeletonOf(parent: Subscription, own: Own, now: DateTime): NewSubscription {
  const { tenantId: _tenant, environmentId: _environment, status: _status, createdBy: _by, updatedBy: _last, ...terms } = parent;
  return { ...terms, ...own, subscriptionType: 'inherited', parentSubscriptionId: parent.id, version: 1, createdAt: now, updatedAt: now };
}
