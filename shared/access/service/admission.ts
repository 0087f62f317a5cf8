import { ForbiddenError } from '#kernel/errors.ts';
import type { Admit } from '#platform/http/handle.ts';
import { permits } from '../domain/roles.ts';
import type { Authenticator } from './authenticator.ts';

/** Who may do what a route does: by its credential, the environment, the roles, and whether the tenant is suspended (wire-rules.md sections 2 and 3). */
export function createAdmission(authenticator: Authenticator): Admit {
  return async ({ permission, credential, withoutEnvironment }, headers, requestId) => {
    const principal = await authenticator.authenticate(headers, credential);
    const ctx = await authenticator.contextOf(principal, headers, requestId, !withoutEnvironment);
    // A session has no roles: what it may do is what takes one.
    const permitted = credential === 'portal_session' || permits(principal, permission);
    if (!permitted || (principal.publishable && credential !== 'any_key'))
      throw new ForbiddenError({ message: 'insufficient permissions' });
    if (principal.tenantSuspended && permission.startsWith('write:')) throw new ForbiddenError({ message: 'tenant account is suspended' });
    return ctx;
  };
}
