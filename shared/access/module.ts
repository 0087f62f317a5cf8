import type { Engines } from '#module/engines.ts';
import { lazy } from '#module/lazy.ts';
import { defineModule } from '#module/declaration.ts';
import { afterCommit } from '#platform/postgres/after-commit.ts';
import { hook } from '#platform/resource/hooks.ts';
import type { PrincipalStore, SessionStore } from './domain/principal.ts';
import { createAdmission } from './service/admission.ts';
import { ACCESS_CHANGED } from './service/changed.ts';
import { createAuthenticator } from './service/authenticator.ts';
import { behindEdge } from './service/edge.ts';

/** Who a request comes from, and what it may do. */
export const access = defineModule({
  name: 'access',
  // Where there is no portal there are no sessions.
  build: (app: Engines & { readonly principals: PrincipalStore; readonly portalSessions?: SessionStore }) => {
    const authenticator = lazy(() => {
      const findByTokenHash: SessionStore['findByTokenHash'] = async (hash) => (await app.portalSessions?.findByTokenHash(hash)) ?? null;
      return createAuthenticator(app.config.auth, { ...app.principals, findByTokenHash }, app.clock, app.metrics);
    });
    return {
      authenticator,
      admit: () => createAdmission(behindEdge(authenticator(), app.config.server.origin_verify)),
    };
  },
  hooks: (app) => [hook(ACCESS_CHANGED, async (tx, { tenantId }) => afterCommit(tx, () => app.authenticator.forget(tenantId)))],
  routes: () => [{ prefix: '/v1/rbac', load: async () => (await import('./routes.ts')).rbacRoutes() }],
});
