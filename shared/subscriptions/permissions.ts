import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Subscription: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Subscription'] as const satisfies readonly Entity[];
