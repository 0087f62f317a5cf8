import { createHash } from 'node:crypto';
import type { DateTime } from 'luxon';
import type { Clock } from '#kernel/clock.ts';
import type { RequestContext } from '#kernel/context.ts';
import { DomainError } from '#kernel/errors.ts';
import type { Database } from '../postgres/database.ts';
import type { Table } from '../postgres/tables.ts';

interface IdempotencyRow {
  readonly tenantId: string;
  readonly environmentId: string;
  readonly key: string;
  readonly operation: string;
  readonly requestHash: string;
  readonly responseStatus: number | null;
  readonly responseBody: string | null;
  readonly createdAt: DateTime;
}

declare module '../postgres/tables.ts' {
  interface Tables {
    idempotencyKeys: Table<IdempotencyRow>;
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * Runs a request once per key: the same key and request give the first answer again, another request under the key is a 409
 * (wire-rules.md section 7). The work, the key and the answer are one transaction, so that a crash leaves all or nothing;
 * two equal requests at once wait for each other on the key's row. Failed requests leave no trace and may be tried again.
 */
export async function once(
  database: Database,
  clock: Clock,
  ctx: RequestContext,
  request: { key: string; operation: string; content: string },
  work: (ctx: RequestContext) => Promise<Answer>,
): Promise<Answer> {
  if (request.key.length > 255)
    throw new DomainError('validation_error', 'Idempotency-Key: must not be longer than 255 characters', { field: 'Idempotency-Key' });
  const requestHash = createHash('sha256').update(request.content).digest('hex');
  return database.withTenant(ctx, async (tx) => {
    const inserted = await tx
      .insertInto('idempotencyKeys')
      .values({
        key: request.key,
        operation: request.operation,
        requestHash,
        responseStatus: null,
        responseBody: null,
        createdAt: clock.now(),
      })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst();
    const row = () =>
      tx.selectFrom('idempotencyKeys').selectAll().where('key', '=', request.key).where('operation', '=', request.operation);
    if (inserted.numInsertedOrUpdatedRows === 0n) {
      const earlier = await row().executeTakeFirstOrThrow();
      if (earlier.requestHash !== requestHash)
        throw new DomainError('already_exists', 'this Idempotency-Key was used for another request', { field: 'Idempotency-Key' });
      return { status: earlier.responseStatus ?? 200, body: earlier.responseBody ?? '' };
    }
    const answer = await work({ ...ctx, transaction: tx });
    await tx
      .updateTable('idempotencyKeys')
      .set({ responseStatus: answer.status, responseBody: answer.body })
      .where('key', '=', request.key)
      .where('operation', '=', request.operation)
      .execute();
    return answer;
  });
}
