import type { DateTime } from 'luxon';
import type { Period } from '#kernel/calendar/period.ts';
import type { Decimal } from '#kernel/decimal.ts';
import type { Meter } from '#metering/domain/meter.ts';

/** Usage of one customer, meter and window, kept so that it can be told without counting (docs/adr/0017). */
export interface UsageCounter {
  readonly id: string;
  readonly tenantId: string;
  readonly environmentId: string;
  readonly externalCustomerId: string;
  readonly meterId: string;
  readonly meterVersion: number;
  readonly windowStart: DateTime;
  readonly windowEnd: DateTime;
  /** In which the days of a bucketed meter are cut. */
  readonly timezone: string;
  /** Null until the first reading. */
  readonly value: Decimal | null;
  /** The value is complete up to this time of acceptance; null while no event of the customer is stored. */
  readonly watermark: DateTime | null;
  /** Number of the reading that gave the value; 0 before the first. */
  readonly reading: number;
  /** When that reading began. */
  readonly countedAt: DateTime;
  /** When somebody last wanted to know, to the hour. */
  readonly askedAt: DateTime;
}

/** Which counter is meant. */
export interface CounterQuestion {
  readonly externalCustomerId: string;
  readonly meter: Meter;
  readonly window: Period;
  readonly timezone: string;
}

/** An exact value with how far it reaches. */
export interface Count {
  readonly value: Decimal;
  readonly watermark: DateTime | null;
}
