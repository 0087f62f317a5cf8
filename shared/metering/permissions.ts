import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Meter: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Meter'] as const satisfies readonly Entity[];
