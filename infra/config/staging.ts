import type { EnvironmentInput } from './schema.ts';

/** As production in shape, small in size. */
export const staging: EnvironmentInput = {
  name: 'staging',
  region: 'us-east-1',
  availabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
  natGateways: 1,
  production: false,
  logDays: 30,
  kafka: {
    brokerType: 'standard',
    instanceType: 'kafka.t3.small',
    brokers: 3,
    volumeGiB: 50,
    partitions: { events: 12, eventsLazy: 4, eventsPostProcessing: 6, systemEvents: 4, deadLetters: 2 },
  },
  postgres: { minCapacity: 0.5, maxCapacity: 8, readers: 0, backupDays: 7 },
  clickhouse: { url: 'https://clickhouse.staging.flexprice.example:8443', user: 'default', secretName: 'flexprice/staging/clickhouse' },
  ingest: { reservedConcurrency: 100, memoryMiB: 1024 },
  management: { memoryMiB: 1024 },
  throttle: { rate: 1000, burst: 2000 },
  spot: false,
  consumer: { count: 2, cpu: 1024, memoryMiB: 2048 },
  worker: { count: 1, cpu: 1024, memoryMiB: 2048 },
};
