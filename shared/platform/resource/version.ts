import { DomainError } from '#kernel/errors.ts';

/** Somebody else has changed the row since it was read. */
export function versionConflict(entity: string, read: { readonly id: string; readonly version: number }): DomainError {
  return new DomainError('version_conflict', `the ${entity} was changed meanwhile, read it again`, { id: read.id, version: read.version });
}
