import type { EnvironmentInput } from './schema.ts';

/** Small and cheap: pauses when unused, keeps nothing when it is removed. */
export const dev: EnvironmentInput = {
  name: 'dev',
  region: 'us-east-1',
  availabilityZones: ['us-east-1a', 'us-east-1b'],
  natGateways: 1,
  production: false,
  logDays: 7,
  kafka: {
    brokerType: 'standard',
    instanceType: 'kafka.t3.small',
    brokers: 2,
    volumeGiB: 20,
    partitions: { events: 12, eventsLazy: 4, eventsPostProcessing: 6, systemEvents: 4, deadLetters: 2 },
  },
  postgres: { minCapacity: 0, maxCapacity: 2, readers: 0, backupDays: 1 },
  clickhouse: { url: 'https://clickhouse.dev.flexprice.example:8443', user: 'default', secretName: 'flexprice/dev/clickhouse' },
  ingest: { reservedConcurrency: 20, memoryMiB: 1024 },
  management: { memoryMiB: 1024 },
  throttle: { rate: 200, burst: 400 },
  spot: true,
  consumer: { count: 1, cpu: 512, memoryMiB: 1024 },
  worker: { count: 1, cpu: 512, memoryMiB: 1024 },
};
