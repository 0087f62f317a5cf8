import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Setting: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Setting'] as const satisfies readonly Entity[];
