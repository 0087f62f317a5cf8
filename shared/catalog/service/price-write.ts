import type { Clock } from '#kernel/clock.ts';
import { decimal } from '#kernel/decimal.ts';
import { alreadyExists, invalid, notFound } from '#kernel/errors.ts';
import { newId } from '#kernel/ids.ts';
import type { Camelized } from '#kernel/wire.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { publish } from '#platform/resource/publish.ts';
import type { CreatePriceRequest, UpdatePriceRequest } from '../contracts/price.ts';
import {
  displayPrice,
  type Price,
  type PriceEntityType,
  refuseForeignTerms,
  type Tier,
  type TransformQuantity,
  validatePrice,
} from '../domain/price.ts';
import { priceEvents } from '../events.ts';
import { type NewPrice, priceRepository } from '../repository/price.ts';

/** A price without identity: what a caller decides about it. */
export type PriceDraft = Omit<NewPrice, 'id' | 'displayAmount' | 'createdAt' | 'updatedAt'>;
/** The fields of a change that make a new version (billing.md 3.2). */
export type PriceTermsChange = Partial<Pick<Price, 'amount' | 'billingModel' | 'tierMode' | 'tiers' | 'transformQuantity'>>;

/** What a request means as a price of `entityType`, still unchecked. Throws where the request asks for what the API does not have. */
export function draftOf(request: Camelized<CreatePriceRequest>, entityType: PriceEntityType, entityId: string): PriceDraft {
  if (request.priceUnitType === 'CUSTOM') throw invalid('price_unit_type', 'custom price units are not available, use FIAT');
  if (request.priceUnitConfig) throw invalid('price_unit_config', 'custom price units are not available');
  if (request.filterValues && Object.keys(request.filterValues).length > 0)
    throw invalid('filter_values', 'is not available, filter in the meter');
  if (request.groupId) throw notFound('group', request.groupId);
  const terms = {
    tierMode: request.tierMode ?? null,
    tiers: tiersOf(request.tiers),
    transformQuantity: packageOf(request.transformQuantity),
    amount: request.amount ?? null,
  };
  refuseForeignTerms(request.billingModel, terms);
  return {
    entityType,
    entityId,
    type: request.type,
    billingModel: request.billingModel,
    billingPeriod: request.billingPeriod,
    billingPeriodCount: request.billingPeriodCount ?? 1,
    billingCadence: 'RECURRING',
    invoiceCadence: request.invoiceCadence,
    ...terms,
    currency: request.currency,
    displayName: request.displayName || null,
    description: request.description || null,
    lookupKey: request.lookupKey || null,
    meterId: request.meterId ?? null,
    minQuantity: request.minQuantity === null || request.minQuantity === undefined ? null : decimal(request.minQuantity),
    trialPeriodDays: request.trialPeriodDays ?? 0,
    parentPriceId: null,
    groupId: null,
    startDate: request.startDate ?? null,
    endDate: request.endDate ?? null,
    priceUnitType: 'FIAT',
    priceUnitId: null,
    priceUnit: null,
    priceUnitAmount: null,
    priceUnitTiers: null,
    conversionRate: null,
    metadata: request.metadata ?? {},
  };
}

const FILLED = new Set<string>([
  'id',
  'tenantId',
  'environmentId',
  'status',
  'createdBy',
  'updatedBy',
  'createdAt',
  'updatedAt',
  'sequence',
  'displayAmount',
] satisfies (keyof Price)[]);

/** A price as the draft of another one: of its successor, or of an override. Old usage prices in advance were always billed in arrear. */
export function draftFrom(price: Price): PriceDraft {
  const draft = Object.fromEntries(Object.entries(price).filter(([key]) => !FILLED.has(key))) as unknown as PriceDraft;
  return price.type === 'USAGE' ? { ...draft, invoiceCadence: 'ARREAR' } : draft;
}

/** The terms that a change names, or null when it names none: then the price is edited in place. */
export function termsChangeOf(
  request: Pick<Camelized<UpdatePriceRequest>, 'amount' | 'billingModel' | 'tierMode' | 'tiers' | 'transformQuantity'>,
): PriceTermsChange | null {
  const change: PriceTermsChange = {
    ...(request.amount ? { amount: request.amount } : {}),
    ...(request.billingModel ? { billingModel: request.billingModel } : {}),
    ...(request.tierMode ? { tierMode: request.tierMode } : {}),
    ...(request.tiers ? { tiers: tiersOf(request.tiers) } : {}),
    ...(request.transformQuantity ? { transformQuantity: packageOf(request.transformQuantity) } : {}),
  };
  return Object.keys(change).length === 0 ? null : change;
}

/** The terms after a change. Throws where it names terms that the billing model has no use for. A new billing model does not inherit what belonged to the old one. */
export function changedTerms(
  price: Price,
  change: PriceTermsChange,
): Pick<Price, 'amount' | 'billingModel' | 'tierMode' | 'tiers' | 'transformQuantity'> {
  const billingModel = change.billingModel ?? price.billingModel;
  refuseForeignTerms(billingModel, change);
  const kept =
    billingModel === price.billingModel
      ? price
      : {
          amount: billingModel === 'TIERED' || price.billingModel === 'TIERED' ? null : price.amount,
          tierMode: null,
          tiers: null,
          transformQuantity: null,
        };
  const { amount, tierMode, tiers, transformQuantity } = { ...kept, ...change };
  return { billingModel, amount, tierMode, tiers, transformQuantity };
}

/**
 * Writes a price: checks its rules, its meter and its lookup key, numbers it and publishes `price.created`.
 * The caller has checked that the owner exists, and holds its lock where the owner is a plan.
 */
export async function writePrice(
  tx: TenantTransaction,
  { clock, meters }: { clock: Clock; meters: MeterService },
  draft: PriceDraft,
): Promise<Price> {
  validatePrice({ ...draft, currency: draft.currency.toLowerCase() });
  if (draft.meterId !== null) await meters.getHeld(tx, draft.meterId);
  if (
    draft.lookupKey !== null &&
    (await priceRepository.isKeyTaken(tx, draft.lookupKey, { start: draft.startDate, end: draft.endDate, except: null }))
  ) {
    throw alreadyExists('price', 'lookup_key', draft.lookupKey);
  }
  const now = clock.now();
  const price = await priceRepository.insert(tx, {
    ...draft,
    id: newId('price', clock),
    displayAmount: displayPrice(draft),
    createdAt: now,
    updatedAt: now,
  });
  await publish(tx, clock, priceEvents.created, price);
  return price;
}

function tiersOf(tiers: Camelized<CreatePriceRequest>['tiers']): Tier[] | null {
  return tiers?.map((tier) => ({ upTo: tier.upTo ?? null, unitAmount: tier.unitAmount, flatAmount: tier.flatAmount ?? null })) ?? null;
}

function packageOf(transform: Camelized<CreatePriceRequest>['transformQuantity']): TransformQuantity | null {
  return transform ? { divideBy: transform.divideBy, round: transform.round ?? 'up' } : null;
}
