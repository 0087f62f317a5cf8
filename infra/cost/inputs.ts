import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const positive = z.number().positive();
const byEnvironment = z.record(z.string(), z.number().min(0));

const priceFile = z.strictObject({
  region: z.string(),
  currency: z.literal('USD'),
  basis: z.string(),
  prices: z.record(z.string(), z.strictObject({ usd: positive, per: z.string(), source: z.url(), date: z.iso.date() })),
});

const measurements = z.strictObject({
  measuredOn: z.string(),
  date: z.iso.date(),
  command: z.string(),
  /** Per request of `batch` events. */
  ingest: z
    .array(
      z.strictObject({
        batch: positive,
        handlerMs: positive,
        requestBytes: positive,
        responseBytes: positive,
        kafkaBytes: positive,
        logBytes: positive,
      }),
    )
    .min(2),
  perEvent: z.strictObject({ clickhouseStoredBytes: positive, clickhouseSentBytes: positive, consumerRowsPerSecond: positive }),
});

const assumptionFile = z.strictObject({
  note: z.string(),
  clickhouseMonthly: byEnvironment,
  temporalCloudMonthly: byEnvironment,
  averageAcu: byEnvironment,
  postgresStorageGb: byEnvironment,
  /** Wait for the acknowledgement of three brokers. */
  publishMs: positive,
  /** What Lambda itself writes per invocation, and API Gateway per request. */
  lambdaPlatformLogBytes: positive,
  accessLogBytes: positive,
  xraySampledShare: z.number().min(0).max(1),
  containerInsightsMetricsPerService: positive,
  /** Measured events have regular ids and few properties: real ones compress that much worse. */
  realisticFactor: positive.min(1),
  peakOverAverage: positive.min(1),
  eventRetentionMonths: positive,
  /** What the monthly sum for ClickHouse is enough for. Above it compute grows in proportion. */
  clickhouseIncludedEventsPerSecond: positive,
});

export type Assumptions = z.output<typeof assumptionFile>;
export type Measurements = z.output<typeof measurements>;
export type PriceOf = (key: string) => number;

export interface CostInputs {
  readonly priceOf: PriceOf;
  readonly basis: string;
  readonly measured: Measurements;
  readonly assumed: Assumptions;
}

/** Reads the price file of a region, the measurements and the assumptions. Throws where one of them is wrong. */
export function costInputs(region: string): CostInputs {
  const { prices, basis } = priceFile.parse(read(`prices.${region}.json`));
  return {
    basis,
    measured: measurements.parse(read('unit-costs.json')),
    assumed: assumptionFile.parse(read('assumptions.json')),
    priceOf: (key) => {
      const price = prices[key];
      if (price === undefined) throw new Error(`the price file of ${region} has no price ${key}`);
      return price.usd;
    },
  };
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8'));
}
