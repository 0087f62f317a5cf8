import type { DateTime } from 'luxon';
import { askedRange, type AskedRange } from '#analytics/domain/range.ts';
import type { AnalyticsService } from '#analytics/service/service.ts';
import type { FeatureService } from '#catalog/service/feature.ts';
import type { PriceService } from '#catalog/service/price.ts';
import type { Customer } from '#customers/domain.ts';
import type { CustomerService } from '#customers/service.ts';
import { earlier, type Period } from '#kernel/calendar/period.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { invalidOperation } from '#kernel/errors.ts';
import { OVER_CUSTOMERS } from '#metering/domain/grouped-usage.ts';
import type { PropertyFilter } from '#metering/domain/meter.ts';
import type { CustomerSpan } from '#metering/domain/usage.ts';
import type { GroupedUsageService } from '#metering/service/grouped-usage.ts';
import type { MeterService } from '#metering/service/meters.ts';
import type { Database } from '#platform/postgres/database.ts';
import { type CostItem, costItem, type CostLine, costNeedsBuckets, pricedPeriod } from '../domain/cost-line.ts';
import type { Costsheet } from '../domain/costsheet.ts';
import { commonCurrency, type Profit, profitOf, totalOf } from '../domain/profit.ts';
import { costsheetRepository } from '../repository.ts';

export interface CostAnalyticsDependencies {
  readonly database: Database;
  readonly clock: Clock;
  readonly customers: Pick<CustomerService, 'findByExternalIds'>;
  readonly prices: Pick<PriceService, 'ofCostsheets'>;
  readonly features: Pick<FeatureService, 'ofMeters'>;
  readonly meters: Pick<MeterService, 'getMany'>;
  readonly usage: Pick<GroupedUsageService, 'usages'>;
  readonly analytics: Pick<AnalyticsService, 'children' | 'revenue'>;
}
export type CostAnalyticsService = ReturnType<typeof createCostAnalyticsService>;

/** What costs are asked for. Null: of all customers, and of all features. */
export interface CostAnalyticsRequest extends AskedRange {
  readonly externalCustomerId: string | null;
  /** Also the usage of customers that inherit the customer's subscriptions, as one with its own. Without a customer all are in anyway. */
  readonly includeChildren: boolean;
  readonly featureIds: readonly string[] | null;
  readonly filters: readonly PropertyFilter[];
}

export interface CostAnalytics extends Profit {
  readonly costsheet: Costsheet;
  readonly range: Period;
  /** The one that was asked about, where there is such a customer. */
  readonly customer: Customer | null;
  /** In the order in which the prices were made. */
  readonly items: readonly CostItem[];
  readonly totalCost: Decimal;
  readonly totalRevenue: Decimal;
  /** Null where there is nothing to tell it from. */
  readonly currency: string | null;
  readonly watermark: DateTime | null;
}

/** What usage costs against what it is charged at (metering.md 5.7). */
export function createCostAnalyticsService(dependencies: CostAnalyticsDependencies) {
  const { database, clock, usage, analytics } = dependencies;
  return {
    /**
     * Usage at the prices of the active cost sheet, in as many statements as there are hundreds of prices; fixed prices are no cost of
     * usage and do not count. Revenue is what usage is charged at, over the same customers, features and properties. Buckets begin in
     * UTC, whoever's usage it is: the cost is the tenant's. A customer with its children is one usage, of every meter: what is not
     * charged costs, too. Throws `invalid_operation` without a cost sheet, and for several currencies.
     */
    async analyse(ctx: RequestContext, request: CostAnalyticsRequest): Promise<CostAnalytics> {
      const range = askedRange(request, clock.now());
      const { externalCustomerId, includeChildren, filters, featureIds } = request;
      const { costsheet, lines, customer, inherited } = await database.withTenant(ctx, (tx) =>
        gather(dependencies, { ...ctx, transaction: tx }, request, range),
      );
      const { usages, watermark: costWatermark } = await usage.usages(
        ctx,
        externalCustomerId,
        lines.map((line) => ({
          meter: line.meter,
          externalCustomerIds: externalCustomerId === null ? null : [externalCustomerId],
          inherited,
          range: line.period,
          timezone: 'UTC',
          filters,
          keys: externalCustomerId === null ? [{ kind: 'customer' }] : [],
          buckets: costNeedsBuckets(line),
        })),
        OVER_CUSTOMERS,
      );
      const items = lines.map((line, index) => costItem(line, usages[index]?.groups ?? []));
      const revenue = await analytics.revenue(ctx, { externalCustomerId, includeChildren, featureIds, range, filters });
      // Of both the same customers, but where a price of the cost sheet is in force while some of them are not there.
      const watermark = costWatermark && revenue.watermark ? earlier(costWatermark, revenue.watermark) : costWatermark;
      const costs = items.map(({ line, amount }) => ({ currency: line.price.currency, amount }));
      const charges = [...revenue.amounts].map(([currency, amount]) => ({ currency, amount }));
      const currency = commonCurrency([...costs, ...charges]);
      const [totalCost, totalRevenue] = [totalOf(costs), totalOf(charges)];
      return { costsheet, range, customer, items, totalCost, totalRevenue, currency, ...profitOf(totalRevenue, totalCost), watermark };
    },
  };
}

interface Gathered {
  readonly costsheet: Costsheet;
  readonly lines: readonly CostLine[];
  readonly customer: Customer | null;
  readonly inherited: readonly CustomerSpan[];
}

async function gather(
  dependencies: CostAnalyticsDependencies,
  ctx: RequestContext & { readonly transaction: Parameters<typeof costsheetRepository.active>[0] },
  { externalCustomerId, includeChildren, featureIds }: CostAnalyticsRequest,
  range: Period,
): Promise<Gathered> {
  const { customers, prices, features, meters, analytics } = dependencies;
  const costsheet = await costsheetRepository.active(ctx.transaction);
  if (costsheet === null) throw invalidOperation('there is no cost sheet: create one, and prices with its id');
  const customer = externalCustomerId === null ? null : ((await customers.findByExternalIds(ctx, [externalCustomerId]))[0] ?? null);
  const inherited = includeChildren && customer !== null ? await analytics.children(ctx, customer.id) : [];
  const priced = (await prices.ofCostsheets(ctx, [costsheet.id])).flatMap((price) => {
    const period = price.type === 'USAGE' ? pricedPeriod(price, range) : null;
    return period === null ? [] : [{ price, period }];
  });
  const meterIds = [...new Set(priced.flatMap(({ price }) => price.meterId ?? []))];
  const metersById = new Map((await meters.getMany(ctx, meterIds)).map((meter) => [meter.id, meter]));
  const owners = featureIds === null ? null : new Map((await features.ofMeters(ctx, meterIds)).map(({ id, meterId }) => [meterId, id]));
  const lines = priced
    .filter(({ price: { meterId } }) => owners === null || featureIds?.includes(owners.get(meterId) ?? ''))
    .map(({ price, period }): CostLine => {
      const meter = metersById.get(price.meterId ?? '');
      // Usage that cannot be read fails the request; it is never shown as nothing (metering.md Q4).
      if (!meter)
        throw invalidOperation('the meter of a price of the cost sheet is deleted', { price_id: price.id, meter_id: price.meterId });
      return { price, meter, period };
    });
  return { costsheet, lines, customer, inherited };
}
