import type { Clock } from '#kernel/clock.ts';
import { newId } from '#kernel/ids.ts';
import type { TenantTransaction } from '#platform/postgres/database.ts';
import { lineChanges } from '../domain/line-changes.ts';
import { bounded } from '../domain/line-details.ts';
import type { StagedLine } from '../domain/pipeline.ts';
import { lineDetailRepository } from '../repository/line-details.ts';
import { lineRepository } from '../repository/lines.ts';

export interface WrittenLines {
  /** Ids of the lines, in their order. */
  readonly ids: readonly string[];
  readonly isUnchanged: boolean;
}

/** Brings the stored lines of an invoice to these: only what differs is written, and a line that is the same one keeps its id. */
export async function writeLines(
  tx: TenantTransaction,
  clock: Clock,
  invoiceId: string,
  made: readonly StagedLine[],
): Promise<WrittenLines> {
  const now = clock.now();
  const details = made.map(({ calculation }) => calculation && bounded(calculation));
  const lines = made.map((line, index): StagedLine => ({ ...line, calculation: details[index]?.calculation ?? null }));
  const { matches, written, removed } = lineChanges(await lineRepository.of(tx, [invoiceId]), lines);
  const ids = matches.map((match) => match?.id ?? newId('inv_line', clock));
  await lineRepository.remove(tx, removed);
  await lineRepository.insert(
    tx,
    written.map((index) => ({
      ...(lines[index] as StagedLine),
      id: ids[index] as string,
      invoiceId,
      createdAt: matches[index]?.createdAt ?? now,
      updatedAt: now,
    })),
  );
  await lineDetailRepository.insert(
    tx,
    written.flatMap((index) => (details[index]?.details ?? []).map((own) => ({ ...own, lineItemId: ids[index] as string }))),
  );
  return { ids, isUnchanged: written.length === 0 && removed.length === 0 };
}
