import { hookPoint } from '#platform/resource/hooks.ts';

/** What credentials of the transaction's tenant give is changed: by whoever changes keys, users, environments, the tenant, or a setting that is looked up with a key. */
export const ACCESS_CHANGED = hookPoint<{ readonly tenantId: string }>('access.changed');
