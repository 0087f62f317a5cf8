import { systemContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import type { TenancyService } from './service.ts';

/**
 * Makes the tenant that the root key acts for, with its development and production environments, unless it is there already.
 * Without it nobody could make the first key of a new deployment.
 * @returns whether it was made now
 */
export async function ensureRootTenant(tenancy: Pick<TenancyService, 'getTenant' | 'createTenant'>, id: string): Promise<boolean> {
  const ctx = systemContext(id, '', 'migrate');
  try {
    await tenancy.getTenant(ctx, id);
    return false;
  } catch (error) {
    if (!(error instanceof DomainError && error.code === 'not_found')) throw error;
    await tenancy.createTenant(ctx, { name: 'Root' });
    return true;
  }
}
