import type { EnvironmentInput } from './schema.ts';

export const prod: EnvironmentInput = {
  name: 'prod',
  region: 'us-east-1',
  availabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
  natGateways: 3,
  interfaceEndpoints: ['secretsmanager', 'logs', 'ecr.api', 'ecr.dkr', 'sqs', 'monitoring'],
  production: true,
  logDays: 365,
  owner: 'platform',
  costCenter: 'flexprice-prod',
  operations: { email: 'operations@flexprice.example', monthlyBudgetUsd: 4000 },
  kafka: {
    brokerType: 'express',
    instanceType: 'express.m7g.large',
    brokers: 3,
    volumeGiB: 1,
    partitions: { events: 48, eventsLazy: 12, eventsPostProcessing: 24, systemEvents: 12, deadLetters: 6 },
  },
  postgres: { minCapacity: 2, maxCapacity: 64, readers: 1, backupDays: 35, proxy: true },
  clickhouse: {
    host: 'clickhouse.flexprice.example',
    writer: { user: 'flexprice_writer', secretName: 'flexprice/prod/clickhouse/writer' },
    reader: { user: 'flexprice_reader', secretName: 'flexprice/prod/clickhouse/reader' },
  },
  temporal: {
    kind: 'cloud',
    address: 'us-east-1.aws.api.temporal.io:7233',
    namespace: 'flexprice-prod',
    secretName: 'flexprice/prod/temporal',
  },
  ingest: { reservedConcurrency: 300, memoryMiB: 1769, gradual: true },
  management: { reservedConcurrency: 200, memoryMiB: 1769 },
  throttle: { rate: 10_000, burst: 5000 },
  spot: false,
  consumer: { min: 3, max: 20, cpu: 2048, memoryMiB: 4096 },
  // One does the work, the other takes over: they take turns by row locks.
  relay: { min: 2, max: 2, cpu: 512, memoryMiB: 1024 },
  worker: { min: 2, max: 20, cpu: 1024, memoryMiB: 2048 },
  edge: { perKey: 1_000_000, perAddress: 1_000_000, secretName: 'flexprice/prod/origin/verify' },
  recoveryRegion: 'us-west-2',
  github: { repository: 'flexprice/flexprice-aws', providerExists: false },
};
