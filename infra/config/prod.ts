import type { EnvironmentInput } from './schema.ts';

export const prod: EnvironmentInput = {
  name: 'prod',
  region: 'us-east-1',
  availabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
  natGateways: 3,
  production: true,
  logDays: 365,
  kafka: {
    brokerType: 'express',
    instanceType: 'express.m7g.large',
    brokers: 3,
    volumeGiB: 1,
    partitions: { events: 48, eventsLazy: 12, eventsPostProcessing: 24, systemEvents: 12, deadLetters: 6 },
  },
  postgres: { minCapacity: 2, maxCapacity: 64, readers: 1, backupDays: 35 },
  clickhouse: { url: 'https://clickhouse.flexprice.example:8443', user: 'default', secretName: 'flexprice/prod/clickhouse' },
  temporal: { address: 'us-east-1.aws.api.temporal.io:7233', namespace: 'flexprice-prod', secretName: 'flexprice/prod/temporal' },
  ingest: { reservedConcurrency: 300, memoryMiB: 1769 },
  management: { memoryMiB: 1769 },
  throttle: { rate: 10_000, burst: 5000 },
  spot: false,
  consumer: { count: 3, cpu: 2048, memoryMiB: 4096 },
  worker: { count: 2, cpu: 1024, memoryMiB: 2048 },
};
