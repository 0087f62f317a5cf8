import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Invoice: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Invoice'] as const satisfies readonly Entity[];
