import type { Config } from '#platform/config/schema.ts';
import { createGuards } from '#platform/resource/guards.ts';
import { createHooks } from '#platform/resource/hooks.ts';
import { createEngines, type EngineOptions, type Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import type { AnyModule, Module, ModuleOf, Services } from '#module/declaration.ts';

type ServicesOf<Any> = Any extends Module<never, infer Made> ? Services<Made> : never;
type Together<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void ? All : never;

/** The engines, and every service of the modules under its name. */
export type AppOf<Modules extends readonly AnyModule[]> = Engines & Together<ServicesOf<Modules[number]>>;

/**
 * Every service of a list of modules, built when it is first asked for: a start pays for what it uses. Nothing is connected by building.
 * Throws when two modules give a service the same name.
 */
export function composeApp<const Modules extends readonly AnyModule[]>(
  modules: Modules,
  config: Config,
  options: EngineOptions = {},
): AppOf<Modules> {
  const all = modules as unknown as readonly ModuleOf<object>[];
  const guards = lazy(() => all.flatMap((module) => module.guards?.(app) ?? []));
  const hooks = lazy(() => all.flatMap((module) => module.hooks?.(app) ?? []));
  const app: object = createEngines(config, options, {
    guards: createGuards(guards),
    hooks: createHooks(hooks),
    entities: all.flatMap((module) => module.entities ?? []),
    settingDefinitions: lazy(async () => (await Promise.all(all.map((module) => module.settings?.() ?? []))).flat()),
  });
  for (const module of all) {
    for (const [name, make] of Object.entries(module.build(app))) {
      if (name in app) throw new Error(`two modules make ${name}, one of them is ${module.name}`);
      Object.defineProperty(app, name, { enumerable: true, get: lazy(make) });
    }
  }
  return app as AppOf<Modules>;
}
