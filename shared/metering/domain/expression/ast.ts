import type { Decimal } from '#kernel/decimal.ts';

/** What one event is worth, as arithmetic over its properties (metering.md 3.5). Checked: every node has its type and its number of arguments. */
export interface Expression {
  /** As the caller wrote it. */
  readonly text: string;
  readonly root: NumberNode;
}

export type ArithmeticOperator = '+' | '-' | '*' | '/';
export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** How many arguments each function takes. */
export const FUNCTIONS = {
  max: { least: 2, most: 32 },
  min: { least: 2, most: 32 },
  pow: { least: 2, most: 2 },
  abs: { least: 1, most: 1 },
  ceil: { least: 1, most: 1 },
  floor: { least: 1, most: 1 },
  round: { least: 1, most: 1 },
  sqrt: { least: 1, most: 1 },
  log: { least: 1, most: 1 },
} as const;
export type FunctionName = keyof typeof FUNCTIONS;

export type NumberNode =
  | { readonly kind: 'literal'; readonly value: Decimal }
  | { readonly kind: 'property'; readonly name: string }
  | { readonly kind: 'negation'; readonly operand: NumberNode }
  | { readonly kind: 'arithmetic'; readonly operator: ArithmeticOperator; readonly left: NumberNode; readonly right: NumberNode }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly operands: readonly NumberNode[] }
  | { readonly kind: 'choice'; readonly condition: ConditionNode; readonly whenTrue: NumberNode; readonly whenFalse: NumberNode };

export type ConditionNode =
  | { readonly kind: 'comparison'; readonly operator: ComparisonOperator; readonly left: NumberNode; readonly right: NumberNode }
  | { readonly kind: 'logic'; readonly operator: '&&' | '||'; readonly left: ConditionNode; readonly right: ConditionNode }
  | { readonly kind: 'not'; readonly operand: ConditionNode };

type Node = NumberNode | ConditionNode;

/** Names of the properties that an expression reads, each once, in the order of their first use. */
export function propertiesOf({ root }: Pick<Expression, 'root'>): string[] {
  return [...new Set(nodesOf(root).flatMap((node) => (node.kind === 'property' ? [node.name] : [])))];
}

/** How much an expression asks of every event: one per node, twenty per power and logarithm. */
export function weightOf({ root }: Pick<Expression, 'root'>): number {
  return nodesOf(root).reduce((total, node) => total + (node.kind === 'call' && (node.name === 'pow' || node.name === 'log') ? 20 : 1), 0);
}

function nodesOf(node: Node): Node[] {
  return [node, ...childrenOf(node).flatMap(nodesOf)];
}

function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'literal':
    case 'property':
      return [];
    case 'negation':
    case 'not':
      return [node.operand];
    case 'call':
      return node.operands;
    case 'choice':
      return [node.condition, node.whenTrue, node.whenFalse];
    default:
      return [node.left, node.right];
  }
}
