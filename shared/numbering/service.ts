import type { DateTime } from 'luxon';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { type NumberFormat, type NumberScope, numberText, patternOf } from './domain.ts';
import { sequenceRepository } from './repository.ts';

/**
 * The next number of a scope, in the running transaction: without holes and never twice (billing.md 5.1). Take it last, because everybody
 * else who numbers in the environment waits from here to the end of the transaction.
 */
export async function nextNumber(tx: TenantTransaction, scope: NumberScope, format: NumberFormat, at: DateTime): Promise<string> {
  const pattern = patternOf(format, at);
  return numberText(format, pattern, await sequenceRepository.next(tx, scope, pattern, format.start));
}
