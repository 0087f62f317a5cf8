import type { Config } from '#platform/config/schema.ts';
import type { Schedule } from '#platform/workflows/schedules.ts';
import { modules } from './create-app.ts';

/** What starts by the clock, under either driver (billing.md section 9). */
export function schedulesOf(config: Config): readonly Schedule[] {
  return modules.flatMap((module) => module.schedules?.(config) ?? []);
}
