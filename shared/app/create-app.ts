import type { Config } from '#platform/config/schema.ts';
import { type AppOf, composeApp } from './compose.ts';
import type { EngineOptions } from '#module/engines.ts';
import type { ModuleOf } from '#module/declaration.ts';
import { MODULES } from './modules.ts';

/** The whole product: engines, and every service by its name. */
export type App = AppOf<typeof MODULES>;

/** Does not type-check when a module needs something that no other makes. */
export const modules: readonly ModuleOf<App>[] = MODULES;

/** Every service of the product, built from the configuration when it is first asked for. */
export function createApp(config: Config, options?: EngineOptions): App {
  return composeApp(MODULES, config, options);
}
