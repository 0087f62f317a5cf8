import type { RequestContext } from '#kernel/context.ts';
import { successResponse, toWire } from '#kernel/wire.ts';
import { validationError } from '#platform/http/error-body.ts';
import { ok, type Route, route } from '#platform/http/route.ts';
import { SETTING_VALUES, SettingParams, SettingResponse, UpdateSettingRequest } from './contracts.ts';
import { SETTING_DEFAULTS, type Setting, type SettingKey } from './domain.ts';
import type { SettingService } from './service.ts';

const tag = 'Settings';

export const settingRoutes = (settings: SettingService): Route[] => [
  route({
    method: 'GET',
    path: '/v1/settings/{key}',
    operationId: 'getSettingByKey',
    tag,
    summary: 'Get a setting of the environment, or its default',
    permission: 'read:Setting',
    params: SettingParams,
    responses: { 200: SettingResponse },
    handler: async ({ ctx, params }) => ok(settingToWire((await settings.find(ctx, params.key)) ?? unset(ctx, params.key))),
  }),
  route({
    method: 'PUT',
    path: '/v1/settings/{key}',
    operationId: 'updateSettingByKey',
    tag,
    summary: 'Set a setting of the environment; it is followed within a minute',
    permission: 'write:Setting+super_admin',
    params: SettingParams,
    body: UpdateSettingRequest,
    responses: { 200: SettingResponse },
    handler: async ({ ctx, params, body }) => {
      const read = SETTING_VALUES[params.key].safeParse(body.value, { reportInput: true });
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
    params: SettingParams,
    responses: { 200: successResponse },
    handler: async ({ ctx, params }) => {
      await settings.delete(ctx, params.key);
      return ok({ message: 'setting deleted successfully' });
    },
  }),
];

/** The value goes out as it is kept: its keys are the wire's own, and those of metadata anybody's. */
function settingToWire({ value, ...setting }: Setting | ReturnType<typeof unset>): unknown {
  return { ...(toWire(setting) as object), value };
}

function unset({ tenantId, environmentId }: RequestContext, key: SettingKey) {
  return { key, value: SETTING_DEFAULTS[key], tenantId, environmentId, status: 'published' as const };
}
