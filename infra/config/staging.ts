import type { EnvironmentInput } from './schema.ts';

/** As production in shape, small in size. */
export const staging: EnvironmentInput = {
  name: 'staging',
  region: 'us-east-1',
  availabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
  natGateways: 1,
  interfaceEndpoints: ['secretsmanager', 'logs'],
  production: false,
  logDays: 30,
  owner: 'platform',
  costCenter: 'flexprice-staging',
  operations: { email: 'operations@flexprice.example', monthlyBudgetUsd: 900 },
  kafka: {
    brokerType: 'standard',
    instanceType: 'kafka.t3.small',
    brokers: 3,
    volumeGiB: 50,
    partitions: { events: 12, eventsLazy: 4, eventsPostProcessing: 6, systemEvents: 4, deadLetters: 2 },
  },
  postgres: { minCapacity: 0.5, maxCapacity: 8, readers: 0, backupDays: 7, proxy: true },
  clickhouse: {
    host: 'clickhouse.staging.flexprice.example',
    writer: { user: 'flexprice_writer', secretName: 'flexprice/staging/clickhouse/writer' },
    reader: { user: 'flexprice_reader', secretName: 'flexprice/staging/clickhouse/reader' },
  },
  temporal: { kind: 'self-hosted', namespace: 'flexprice', shards: 512, cpu: 1024, memoryMiB: 2048 },
  ingest: { reservedConcurrency: 100, memoryMiB: 1024, gradual: false },
  management: { reservedConcurrency: 50, memoryMiB: 1024 },
  throttle: { rate: 1000, burst: 2000 },
  spot: false,
  consumer: { min: 2, max: 4, cpu: 1024, memoryMiB: 2048 },
  relay: { min: 1, max: 1, cpu: 256, memoryMiB: 512 },
  worker: { min: 1, max: 2, cpu: 1024, memoryMiB: 2048 },
  edge: { perKey: 20_000, perAddress: 20_000, secretName: 'flexprice/staging/origin/verify' },
  github: { repository: 'flexprice/flexprice-aws', providerExists: false },
};
