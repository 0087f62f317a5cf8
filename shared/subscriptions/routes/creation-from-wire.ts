import { termsChangeOf } from '#catalog/service/price-write.ts';
import { invalid } from '#kernel/errors.ts';
import { type Camelized, fromWire } from '#kernel/wire.ts';
import { validationError } from '#platform/http/error-body.ts';
import { commitmentsOf } from './commitments-from-wire.ts';
import { CreateSubscriptionRequest } from '../contracts/changes.ts';
import { refuseUnsupported } from '../domain/unsupported.ts';
import type { CreateSubscription, LineOverride } from '../service/create.ts';

/** A body as a request to create a subscription has it. Throws what such a request would be refused with. */
export function parseCreation(body: unknown): CreateSubscription {
  const read = CreateSubscriptionRequest.safeParse(body, { reportInput: true });
  if (!read.success) throw validationError(read.error);
  refuseUnsupported(read.data);
  return creationOf(read.data);
}

/** What a request to create a subscription says, with the defaults of what it leaves out. */
export function creationOf(body: CreateSubscriptionRequest): CreateSubscription {
  return {
    customerId: body.customer_id ?? null,
    externalCustomerId: body.external_customer_id ?? null,
    planId: body.plan_id,
    currency: body.currency,
    lookupKey: body.lookup_key ?? null,
    startDate: body.start_date ?? null,
    endDate: body.end_date ?? null,
    billingPeriod: body.billing_period,
    billingPeriodCount: body.billing_period_count ?? 1,
    billingCycle: body.billing_cycle ?? 'anniversary',
    billingAnchor: body.billing_anchor ?? null,
    subscriptionStatus: body.subscription_status ?? null,
    collectionMethod: body.collection_method ?? 'charge_automatically',
    paymentBehavior: body.payment_behavior ?? 'default_active',
    prorationBehavior: body.proration_behavior ?? 'none',
    paymentTerms: body.payment_terms ?? null,
    overrides: (fromWire(body.override_line_items) ?? []).map(overrideOf),
    commitments: commitmentsOf(body),
    metadata: body.metadata ?? {},
    inheritors: body.inheritance?.external_customer_ids_to_inherit_subscription ?? [],
    parentSubscriptionId: body.inheritance?.parent_subscription_id ?? null,
  };
}

function overrideOf(override: NonNullable<Camelized<CreateSubscriptionRequest>['overrideLineItems']>[number]): LineOverride {
  if (override.priceUnitAmount || override.priceUnitTiers) throw invalid('override_line_items', 'custom price units are not supported yet');
  return {
    priceId: override.priceId,
    quantity: override.quantity ?? null,
    terms: termsChangeOf({ ...override, billingModel: override.billingModel ?? null }),
  };
}
