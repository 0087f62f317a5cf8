import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Analytics: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Analytics'] as const satisfies readonly Entity[];
