import { ok, type Route, route } from '#platform/http/route.ts';
import { RolesResponse } from './contracts.ts';
import { ROLE_LIST } from './domain/roles.ts';

export const rbacRoutes = (): Route[] => [
  route({
    method: 'GET',
    path: '/v1/rbac/roles',
    operationId: 'listRbacRoles',
    tag: 'RBAC',
    summary: 'List roles',
    permission: 'authenticated',
    withoutEnvironment: true,
    foreignKeys: { lacking: ['user_type'] },
    responses: { 200: RolesResponse },
    handler: () => ok({ roles: ROLE_LIST }),
  }),
];
