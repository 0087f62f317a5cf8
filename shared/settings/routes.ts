import * as z from 'zod';
import type { RequestContext } from '#kernel/context.ts';
import { successResponse, toWire } from '#kernel/wire.ts';
import type { SettingDefinition } from '#module/setting.ts';
import { validationError } from '#platform/http/error-body.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { SettingResponse, UpdateSettingRequest } from './contracts.ts';
import type { Setting } from './domain.ts';
import type { SettingService } from './service.ts';

const tag = 'Settings';

/** Keys are those that modules declare; another one is refused by name. */
export function settingRoutes(settings: SettingService, definitions: readonly SettingDefinition[]): Route[] {
  const byKey = new Map(definitions.map((definition) => [definition.key, definition]));
  const params = z.object({ key: z.enum([...byKey.keys()].sort()) });
  const definitionOf = (key: string): SettingDefinition => {
    const definition = byKey.get(key);
    if (definition === undefined) throw new RangeError(`no module declares the setting ${key}`);
    return definition;
  };
  return [
    route({
      method: 'GET',
      path: '/v1/settings/{key}',
      operationId: 'getSettingByKey',
      tag,
      summary: 'Get a setting of the environment, or its default',
      permission: 'read:Setting',
      params,
      responses: { 200: SettingResponse },
      handler: async ({ ctx, params }) => ok(settingToWire((await settings.find(ctx, params.key)) ?? unset(ctx, definitionOf(params.key)))),
    }),
    route({
      method: 'PUT',
      path: '/v1/settings/{key}',
      operationId: 'updateSettingByKey',
      tag,
      summary: 'Set a setting of the environment; it is followed within five seconds',
      permission: 'write:Setting+super_admin',
      params,
      body: UpdateSettingRequest,
      responses: { 200: SettingResponse },
      handler: async ({ ctx, params, body }) => {
        const read = definitionOf(params.key).schema.safeParse(body.value, { reportInput: true });
        if (!read.success) throw validationError(read.error, 'value');
        return ok(settingToWire(await settings.put(ctx, params.key, read.data)));
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/settings/{key}',
      operationId: 'deleteSettingByKey',
      tag,
      summary: 'Let the default of a setting hold again',
      permission: 'write:Setting+super_admin',
      params,
      responses: { 200: successResponse },
      handler: async ({ ctx, params }) => {
        await settings.delete(ctx, params.key);
        return ok({ message: 'setting deleted successfully' });
      },
    }),
  ];
}

/** The value goes out as it is kept: its keys are the wire's own, and those of metadata anybody's. */
function settingToWire({ value, ...setting }: Setting | ReturnType<typeof unset>): unknown {
  return { ...(toWire(setting) as object), value };
}

function unset({ tenantId, environmentId }: RequestContext, { key, fallback }: SettingDefinition) {
  return { key, value: fallback, tenantId, environmentId, status: 'published' as const };
}
