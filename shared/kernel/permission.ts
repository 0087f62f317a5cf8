/**
 * What permissions are about. Each module adds what it keeps, in its `permissions.ts`, so that a route table can name
 * nothing that no module has declared.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by declaration merging
export interface Entities {}
export type Entity = keyof Entities & string;

/** End of the permissions that need a person with every right (wire-rules.md section 3). */
export const SUPER_ADMIN = '+super_admin';

/** A right that roles give. */
export type Right = `${'read' | 'write'}:${Entity}` | `write:${Entity}${typeof SUPER_ADMIN}`;

/**
 * What an operation asks for. `operator` is the root key alone; `authenticated` admits any key and is for what concerns
 * the key itself; `public` admits everybody.
 */
export type Permission = Right | 'operator' | 'authenticated' | 'public';
