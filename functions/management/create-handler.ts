import type { App } from '#app';
import type { Config } from '#platform/config/schema.ts';
import { createGatewayFunction } from '../gateway-function.ts';
import { managementModules } from './modules.ts';

/** The management handler over a configuration that is read on the first request, or over a given app. */
export function createManagementHandler(source: (() => Promise<Config>) | App) {
  return createGatewayFunction('management', managementModules, source);
}
