import type { Entity } from '#kernel/permission.ts';

declare module '#kernel/permission.ts' {
  interface Entities {
    Feature: true;
    Plan: true;
    Price: true;
  }
}

/** What roles are given rights to here. */
export const entities = ['Feature', 'Plan', 'Price'] as const satisfies readonly Entity[];
