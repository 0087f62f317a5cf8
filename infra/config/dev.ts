import type { EnvironmentInput } from './schema.ts';

/** Small and cheap: pauses when unused, keeps nothing when it is removed. */
export const dev: EnvironmentInput = {
  name: 'dev',
  region: 'us-east-1',
  availabilityZones: ['us-east-1a', 'us-east-1b'],
  natGateways: 1,
  interfaceEndpoints: [],
  production: false,
  logDays: 7,
  owner: 'platform',
  costCenter: 'flexprice-dev',
  operations: { email: 'operations@flexprice.example', monthlyBudgetUsd: 400 },
  kafka: {
    brokerType: 'standard',
    instanceType: 'kafka.t3.small',
    brokers: 2,
    volumeGiB: 20,
    partitions: { events: 12, eventsLazy: 4, eventsPostProcessing: 6, systemEvents: 4, deadLetters: 2 },
  },
  postgres: { minCapacity: 0, maxCapacity: 2, readers: 0, backupDays: 1, proxy: false },
  clickhouse: {
    host: 'clickhouse.dev.flexprice.example',
    writer: { user: 'flexprice_writer', secretName: 'flexprice/dev/clickhouse/writer' },
    reader: { user: 'flexprice_reader', secretName: 'flexprice/dev/clickhouse/reader' },
  },
  temporal: { kind: 'self-hosted', namespace: 'flexprice', shards: 512, cpu: 512, memoryMiB: 2048 },
  ingest: { reservedConcurrency: 20, memoryMiB: 1024, gradual: false },
  management: { reservedConcurrency: 20, memoryMiB: 1024 },
  throttle: { rate: 200, burst: 400 },
  spot: true,
  consumer: { min: 1, max: 1, cpu: 512, memoryMiB: 1024 },
  relay: { min: 1, max: 1, cpu: 256, memoryMiB: 512 },
  worker: { min: 1, max: 1, cpu: 512, memoryMiB: 1024 },
  github: { repository: 'flexprice/flexprice-aws', providerExists: false },
};
