import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Event: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Event'] as const satisfies readonly Entity[];
