import { type Entity, type Permission, type Right, SUPER_ADMIN } from '#kernel/permission.ts';

/** What each role is called and gives (wire-rules.md section 3). */
const DEFINITIONS = {
  super_admin: { name: 'Super admin', description: 'Everything', grants: () => true },
  all_writer: {
    name: 'Writer',
    description: 'Reads and writes everything except the administration of people',
    grants: (action, entity) => action === 'read' || entity !== 'User',
  },
  all_reader: { name: 'Reader', description: 'Reads everything', grants: (action) => action === 'read' },
  event_ingestor: {
    name: 'Event ingestor',
    description: 'Sends events',
    grants: (action, entity) => action === 'write' && entity === 'Event',
  },
  event_reader: { name: 'Event reader', description: 'Reads events', grants: (action, entity) => action === 'read' && entity === 'Event' },
} as const satisfies Record<
  string,
  { readonly name: string; readonly description: string; readonly grants: (action: string, entity: string) => boolean }
>;

export type Role = keyof typeof DEFINITIONS;
export const ROLES = Object.keys(DEFINITIONS) as [Role, ...Role[]];

/** The roles as `GET /v1/rbac/roles` lists them. */
export const ROLE_LIST = ROLES.map((id) => ({ id, name: DEFINITIONS[id].name, description: DEFINITIONS[id].description }));

/** What is asked of somebody's rights. A stored role may come from another release: what is not known here grants nothing. */
export interface Holder {
  readonly roles: readonly string[];
  /** Holds the root key. */
  readonly operator?: true;
  /** Stands for a service account: what needs a person with every right is not for it. */
  readonly serviceAccount?: true;
}

/** Whether the holder may do what the permission names. Every permission has an answer here. */
export function permits(holder: Holder, permission: Permission): boolean {
  if (permission === 'public' || permission === 'authenticated') return true;
  if (permission === 'operator') return holder.operator === true;
  if (permission.endsWith(SUPER_ADMIN)) return holder.roles.includes('super_admin') && holder.serviceAccount !== true;
  const [action = '', entity = ''] = permission.split(':');
  return holder.roles.some((role) => Object.hasOwn(DEFINITIONS, role) && DEFINITIONS[role as Role].grants(action, entity));
}

/** The first right among those to the entities that `given` has and `giver` lacks; null where the giver may give all of them. */
export function rightBeyond(giver: Holder, given: Holder, entities: readonly Entity[]): Right | null {
  const rights: Right[] = [
    ...entities.flatMap((entity): Right[] => [`read:${entity}`, `write:${entity}`]),
    ...entities.map((entity): Right => `write:${entity}${SUPER_ADMIN}`),
  ];
  return rights.find((right) => permits(given, right) && !permits(giver, right)) ?? null;
}
