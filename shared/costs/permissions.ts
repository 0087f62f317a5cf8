import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Costsheet: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Costsheet'] as const satisfies readonly Entity[];
