import { toWire, wireNumber } from '#kernel/wire.ts';
import { meterToWire } from '#metering/service/meters.ts';
import type { Price, Tier } from '../domain/price.ts';
import type { FeatureView } from '../service/feature.ts';
import type { PriceView } from '../service/price.ts';

/** A feature as the API shows it: the reporting unit is an object with a number, the meter is nested. */
export function featureToWire({ feature, meter }: FeatureView): unknown {
  const { reportingUnitSingular, reportingUnitPlural, reportingUnitConversionRate: rate, ...rest } = feature;
  const reportingUnit = rate && { unitSingular: reportingUnitSingular, unitPlural: reportingUnitPlural, conversionRate: wireNumber(rate) };
  return { ...(toWire({ ...rest, reportingUnit }) as object), ...(meter && { meter: meterToWire(meter) }) };
}

/** A price as the API shows it: `up_to` is an integer, every other decimal is text. */
export function priceToWire({ price, meter, plan }: PriceView): unknown {
  return {
    ...(toWire({ ...price, tiers: tiersToWire(price.tiers), priceUnitTiers: tiersToWire(price.priceUnitTiers) }) as object),
    ...(meter && { meter: meterToWire(meter) }),
    ...(plan && { plan: toWire(plan) }),
  };
}

/** A price without what it refers to. */
export function barePriceToWire(price: Price): unknown {
  return priceToWire({ price, meter: null, plan: null });
}

function tiersToWire(tiers: readonly Tier[] | null) {
  return tiers?.map((tier) => ({ ...tier, upTo: tier.upTo && wireNumber(tier.upTo) })) ?? null;
}
