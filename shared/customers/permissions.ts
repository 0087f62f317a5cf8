import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Customer: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Customer'] as const satisfies readonly Entity[];
