import { weightOf } from '../domain/expression/ast.ts';
import type { UsageQuery } from '../domain/usage.ts';

const WEIGHT_PER_QUESTION = 20;

/** Cuts questions into statements of at most `most`, in their order: more make one slow to plan. A long expression counts as several questions. */
export function statementsOf<Q>(questions: readonly Q[], queryOf: (question: Q) => Pick<UsageQuery, 'expression'>, most: number): Q[][] {
  const statements: Q[][] = [];
  let room = 0;
  for (const question of questions) {
    const { expression } = queryOf(question);
    const size = 1 + (expression === null ? 0 : Math.floor(weightOf(expression) / WEIGHT_PER_QUESTION));
    if (size > room) [room] = [most, statements.push([])];
    room -= size;
    statements.at(-1)?.push(question);
  }
  return statements;
}
