import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Tenant: true;
    Environment: true;
    User: true;
    Secret: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Tenant', 'Environment', 'User', 'Secret'] as const satisfies readonly Entity[];
