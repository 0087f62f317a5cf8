import type { EnvironmentConfig } from '../config/schema.ts';
import { kafkaAlarms, postgresAlarms } from './alarms/engines.ts';
import { ingestAlarms, streamAlarms } from './alarms/events.ts';
import { apiAlarms, functionAlarms } from './alarms/requests.ts';
import { costAlarms, jobAlarms, serviceAlarms } from './alarms/running.ts';
import type { AlarmSpec } from './alarms/spec.ts';
import type { System } from './system.ts';

/** All alarms of an environment. */
export function alarmsOf(config: EnvironmentConfig, system: System): AlarmSpec[] {
  return [
    ...apiAlarms(config, system),
    ...ingestAlarms(config, system),
    ...streamAlarms(config, system),
    ...kafkaAlarms(config, system),
    ...postgresAlarms(system),
    ...jobAlarms(config),
    ...functionAlarms(system),
    ...serviceAlarms(system),
    ...costAlarms(config),
  ];
}
