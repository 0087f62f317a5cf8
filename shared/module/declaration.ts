import type { Config } from '#platform/config/schema.ts';
import type { RouteModule } from '#platform/http/gateway-handler.ts';
import type { Guard } from '#platform/resource/guards.ts';
import type { Hook } from '#platform/resource/hooks.ts';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { EventLog, Subscription } from '#platform/event-log/event-log.ts';
import type { RegisteredJob } from '#platform/workflows/registry.ts';
import type { Schedule } from '#platform/workflows/schedules.ts';
import type { RequestContext } from '#kernel/context.ts';
import type { Entity } from '#kernel/permission.ts';
import type { SettingDefinition } from './setting.ts';
import type { StoredSummary } from '#kernel/stored-summary.ts';

/** How each service of a module is made, when it is first asked for. */
export type Makers = Readonly<Record<string, () => unknown>>;
/** The services that makers make. */
export type Services<Made> = { readonly [Name in keyof Made]: Made[Name] extends () => infer Service ? Service : never };

/** Does what follows from stored events of an environment. It may be told the same twice. */
export type Follower = (ctx: RequestContext, summaries: readonly StoredSummary[]) => Promise<unknown>;
/** Reads a topic in a group of its own, until it is stopped. */
export type Consumer = (process: { readonly eventLog: EventLog; readonly logger: EventLogLogger }) => Promise<Subscription>;

/**
 * What a business area needs, builds and mounts. `Needs` are engines and services of other modules, by name: the list of modules does not
 * type-check where one is missing. `app` is complete only when something is used, so makers must not touch it before they are called.
 */
export interface Module<Needs, Made extends Makers> {
  readonly name: string;
  /** What roles are given rights to here. */
  readonly entities?: readonly Entity[];
  readonly build: (app: Needs) => Made;
  /** Prefixes of the API, each with its routes, which are loaded with the first request. Several modules may add to one prefix. */
  readonly routes?: (app: () => Needs & Services<Made>) => readonly RouteModule[];
  /** What customers see of this module with a session of the portal, under its prefix. The list of modules makes them the session's. */
  readonly portalRoutes?: (app: () => Needs & Services<Made>) => readonly RouteModule[];
  /** Jobs under both drivers. They stand in `shared/app/jobs.ts` too, which Temporal's sandbox can read. */
  readonly jobs?: readonly RegisteredJob<never>[];
  /** Settings of an environment that this module follows, with their schemas: loaded when settings are shown or changed. */
  readonly settings?: () => Promise<readonly SettingDefinition[]>;
  readonly schedules?: (config: Config) => readonly Schedule[];
  /** Readers of topics that run in the relay's process. */
  readonly consumers?: (app: Needs & Services<Made>) => readonly Consumer[];
  /** What follows from stored events, by the name under which it is logged. */
  readonly followers?: (app: Needs & Services<Made>) => Readonly<Record<string, Follower>>;
  /** What of this module stands on entities of others, and must be asked before those go or change their names. */
  readonly guards?: (app: Needs & Services<Made>) => readonly Guard[];
  /** What this module does in the transaction of a change elsewhere. */
  readonly hooks?: (app: Needs & Services<Made>) => readonly Hook[];
}

/** Declares a module; the types of what it needs and makes are those of `build`. */
export function defineModule<Needs, Made extends Makers>(module: Module<Needs, Made>): Module<Needs, Made> {
  return module;
}

/** A module of any kind, for lists. */
export type AnyModule = Module<never, Makers>;
/** A module whose needs an app fulfils. */
export interface ModuleOf<App>
  extends Omit<Module<App, Makers>, 'routes' | 'portalRoutes' | 'consumers' | 'followers' | 'guards' | 'hooks'> {
  readonly routes?: (app: () => App) => readonly RouteModule[];
  readonly portalRoutes?: (app: () => App) => readonly RouteModule[];
  readonly consumers?: (app: App) => readonly Consumer[];
  readonly followers?: (app: App) => Readonly<Record<string, Follower>>;
  readonly guards?: (app: App) => readonly Guard[];
  readonly hooks?: (app: App) => readonly Hook[];
}
