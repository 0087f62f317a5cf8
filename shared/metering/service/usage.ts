import type { DateTime } from 'luxon';
import type { CustomerService } from '#customers/service.ts';
import { requireTimezone } from '#kernel/calendar/civil.ts';
import type { WindowSize } from '#kernel/calendar/windows.ts';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Decimal } from '#kernel/decimal.ts';
import { DomainError, invalid } from '#kernel/errors.ts';
import type { ClickHouse } from '#platform/clickhouse/client.ts';
import type { AggregationType, Meter, PropertyFilter } from '../domain/meter.ts';
import { type MeterScope, meterQuery, type Usage, type UsageQuery, type UsageRange, type UsageWindow } from '../domain/usage.ts';
import { createUsageRepository } from '../repository/usage.ts';
import { checkBucketCount, checkWindowCount } from '#platform/clickhouse/windows-sql.ts';
import type { MeterService } from './meters.ts';

const DEFAULT_RANGE = { days: 7 };
/** Results of one answer, whatever they are told apart by. */
const MAX_POINTS = 100_000;

/** What a caller narrows usage by; absent values do not narrow. Times default to the last 7 days. */
export interface UsageScope {
  readonly externalCustomerId: string | null;
  readonly customerId: string | null;
  readonly startTime: DateTime | null;
  readonly endTime: DateTime | null;
  readonly windowSize: WindowSize | null;
  readonly bucketSize: WindowSize | null;
  readonly billingAnchor: DateTime | null;
  readonly timezone: string | null;
  readonly filters: readonly PropertyFilter[];
}

/** Usage of events by name, without a meter (metering.md 5.1). An empty property turns the type into COUNT. */
export interface EventUsageRequest extends UsageScope {
  readonly eventName: string;
  readonly type: AggregationType;
  readonly property: string | null;
  readonly multiplier: Decimal | null;
  readonly groupBy: string | null;
}

export interface MeterUsageRequest extends MeterScope {
  readonly meter: Meter;
}

export interface UsageDependencies {
  readonly clickhouse: ClickHouse;
  readonly meters: Pick<MeterService, 'get'>;
  readonly customers: Pick<CustomerService, 'get'>;
  readonly clock: Clock;
}
export type UsageService = ReturnType<typeof createUsageService>;

/** Usage numbers: one definition for endpoints, entitlements, previews and invoices (metering.md 9). */
export function createUsageService({ clickhouse, meters, customers, clock }: UsageDependencies) {
  const repository = createUsageRepository(clickhouse);

  const usages = async (ctx: RequestContext, queries: readonly UsageQuery[]): Promise<Usage[]> => {
    for (const query of queries) requireTimezone(query.window?.timezone ?? query.timezone);
    return repository.usages(ctx, queries);
  };

  /** What a caller asks: no more points than somebody can read. Without a window of the caller's, those of buckets are points. */
  const asked = async (ctx: RequestContext, query: UsageQuery): Promise<Usage> => {
    if (query.window !== null) checkWindowCount(query.range, query.window);
    const { bucketSize, timezone } = query;
    const window = query.window ?? (bucketSize === null ? null : { size: bucketSize, timezone, anchor: null });
    if (query.window === null && bucketSize !== null) checkBucketCount(query.range, bucketSize);
    const [usage] = (await usages(ctx, [{ ...query, window }])) as [Usage];
    if (usage.points.length > MAX_POINTS)
      throw invalid('start_time', `the answer holds more than ${MAX_POINTS} results: choose a shorter range, or a longer window_size`);
    return usage;
  };

  /** The customer's own id where the internal one is known, because usage is kept by it; else what the senders claimed. */
  const customerOf = async (ctx: RequestContext, scope: UsageScope): Promise<Pick<UsageQuery, 'externalCustomerIds' | 'customerId'>> => {
    if (scope.externalCustomerId !== null) return { externalCustomerIds: [scope.externalCustomerId], customerId: null };
    if (scope.customerId === null) return { externalCustomerIds: null, customerId: null };
    const customer = await customers.get(ctx, scope.customerId).catch((error: unknown) => {
      if (error instanceof DomainError && error.code === 'not_found') return null;
      throw error;
    });
    return customer === null
      ? { externalCustomerIds: null, customerId: scope.customerId }
      : { externalCustomerIds: [customer.externalId], customerId: null };
  };

  return {
    /**
     * Usage of many meters in few statements, in the order of the requests. `value` is exact and never negative;
     * `watermark` says up to which time of acceptance the number of a customer is complete. Throws `service_unavailable` when ClickHouse does not answer:
     * a number that is not known is never a zero.
     */
    meterUsages: (ctx: RequestContext, requests: readonly MeterUsageRequest[]): Promise<Usage[]> =>
      usages(
        ctx,
        requests.map(({ meter, ...scope }) => meterQuery(meter, scope)),
      ),

    /** Usage of one meter over a range, with points when a window is given. */
    meterUsage: async (ctx: RequestContext, { meter, ...scope }: MeterUsageRequest): Promise<Usage> =>
      (await usages(ctx, [meterQuery(meter, scope)]))[0] as Usage,

    /** `POST /v1/events/usage/meter`. Throws NotFound for an unknown meter. */
    async usageByMeter(ctx: RequestContext, meterId: string, scope: UsageScope): Promise<{ meter: Meter; usage: Usage }> {
      const meter = await meters.get(ctx, meterId);
      const query = meterQuery(meter, {
        ...(await customerOf(ctx, scope)),
        range: rangeOf(scope, clock.now()),
        window: windowOf(scope),
        filters: scope.filters,
        timezone: scope.timezone ?? 'UTC',
        bucketSize: bucketOf(meter.aggregation.type, scope.bucketSize),
      });
      return { meter, usage: await asked(ctx, query) };
    },

    /** `POST /v1/events/usage`. `type` is the aggregation that was used. */
    async usageByEventName(ctx: RequestContext, request: EventUsageRequest): Promise<{ type: AggregationType; usage: Usage }> {
      const type = request.property === null ? 'COUNT' : request.type;
      const query: UsageQuery = {
        eventName: request.eventName,
        type,
        field: type === 'COUNT' ? null : request.property,
        expression: null,
        multiplier: request.multiplier,
        bucketSize: bucketOf(type, request.bucketSize),
        timezone: request.timezone ?? 'UTC',
        groupBy: request.groupBy,
        filters: request.filters,
        ...(await customerOf(ctx, request)),
        inherited: [],
        sources: null,
        range: rangeOf(request, clock.now()),
        window: windowOf(request),
      };
      return { type, usage: await asked(ctx, query) };
    },
  };
}

function rangeOf({ startTime, endTime }: UsageScope, now: DateTime): UsageRange {
  const end = endTime ?? now;
  const start = startTime ?? end.minus(DEFAULT_RANGE);
  if (end < start) throw invalid('end_time', 'must not be before start_time');
  return { start, end };
}

function windowOf({ windowSize, timezone, billingAnchor }: UsageScope): UsageWindow | null {
  return windowSize === null ? null : { size: windowSize, timezone: timezone ?? 'UTC', anchor: billingAnchor };
}

function bucketOf(type: AggregationType, bucketSize: WindowSize | null): WindowSize | null {
  if (bucketSize !== null && type !== 'MAX' && type !== 'SUM') throw invalid('bucket_size', 'belongs to MAX and SUM only');
  return bucketSize;
}
