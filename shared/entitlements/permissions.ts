import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Entitlement: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Entitlement'] as const satisfies readonly Entity[];
