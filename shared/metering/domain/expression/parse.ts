import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import { ZERO } from '#kernel/decimal.ts';
import { type DomainError, invalid } from '#kernel/errors.ts';
import {
  type ArithmeticOperator,
  type ComparisonOperator,
  type ConditionNode,
  type Expression,
  FUNCTIONS,
  type FunctionName,
  type NumberNode,
  propertiesOf,
  weightOf,
} from './ast.ts';
import { isNumberInRange, literalOf } from './literal.ts';

/** Bounds of what one expression may ask of every event that it looks at, and of the parser. */
const MAX_WEIGHT = 200;
const LIMITS = { maxAstNodes: MAX_WEIGHT, maxDepth: 32, maxCallArguments: 32 } as const;

/** Only the library's parser is used: it would evaluate with doubles and 64-bit integers. */
const cel = new Environment({ limits: LIMITS });

/**
 * Reads a CEL expression (metering.md 3.5). Throws a validation error of `aggregation.expression` that says what is wrong, and where:
 * `details` has the line and the column, both from 1.
 */
export function parseExpression(text: string): Expression {
  const expression = { text, root: numberOf(syntaxOf(text), text) };
  if (propertiesOf(expression).length === 0) throw refused(text, 0, 'names no property, so it would be worth the same for every event');
  if (weightOf(expression) > MAX_WEIGHT)
    throw refused(text, 0, 'is too long: a power or logarithm counts as 20 operations of the 200 that there may be');
  return expression;
}

function syntaxOf(text: string): ASTNode {
  try {
    return cel.parse(text).ast;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    // The message goes on with a drawing of the place, which the position says already.
    const [summary = ''] = error.message.split('\n', 1);
    throw refused(text, error.range?.start ?? 0, `cannot be read: ${summary}`);
  }
}

function refused(text: string, offset: number, reason: string): DomainError {
  const before = text.slice(0, offset).split('\n');
  const [line, column] = [before.length, (before.at(-1)?.length ?? 0) + 1];
  return invalid('aggregation.expression', `${reason} (line ${line}, column ${column})`, { line, column });
}

function numberOf(node: ASTNode, text: string): NumberNode {
  const inner = (child: ASTNode): NumberNode => numberOf(child, text);
  switch (node.op) {
    case 'value':
      return literalNode(node, text);
    case 'id':
      return { kind: 'property', name: node.args };
    case '-_': {
      const operand = inner(node.args);
      return operand.kind === 'literal' ? { kind: 'literal', value: ZERO.minus(operand.value) } : { kind: 'negation', operand };
    }
    case '+':
    case '-':
    case '*':
    case '/':
      return { kind: 'arithmetic', operator: node.op satisfies ArithmeticOperator, left: inner(node.args[0]), right: inner(node.args[1]) };
    case '?:':
      return { kind: 'choice', condition: conditionOf(node.args[0], text), whenTrue: inner(node.args[1]), whenFalse: inner(node.args[2]) };
    case 'call':
      return callOf(node, text);
    case '%':
      throw refused(text, node.args[0].end, 'the remainder % is not available');
    case '.':
    case '.?':
      throw refused(text, node.pos, 'only first-level properties can be used, without a dot');
    case 'rcall':
      throw refused(text, node.start, `macros and methods such as .${node.args[0]}() are not available`);
    case '[]':
    case '[?]':
    case 'list':
    case 'map':
      throw refused(text, node.start, 'lists and maps are not available');
    default:
      throw refused(text, node.start, 'is a condition where a number is needed');
  }
}

function conditionOf(node: ASTNode, text: string): ConditionNode {
  switch (node.op) {
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return {
        kind: 'comparison',
        operator: node.op satisfies ComparisonOperator,
        left: numberOf(node.args[0], text),
        right: numberOf(node.args[1], text),
      };
    case '&&':
    case '||':
      return { kind: 'logic', operator: node.op, left: conditionOf(node.args[0], text), right: conditionOf(node.args[1], text) };
    case '!_':
      return { kind: 'not', operand: conditionOf(node.args, text) };
    default:
      throw refused(text, node.start, 'is no condition: compare two numbers');
  }
}

function literalNode(node: Extract<ASTNode, { op: 'value' }>, text: string): NumberNode {
  const { args } = node;
  if (args === null || typeof args === 'boolean' || typeof args === 'string' || args instanceof Uint8Array)
    throw refused(text, node.start, 'only numbers can be computed with');
  const value = literalOf(text.slice(node.start, node.end));
  if (!isNumberInRange(value)) throw refused(text, node.start, 'numbers must be smaller than 1e30 and have at most 36 fraction digits');
  return { kind: 'literal', value };
}

function callOf(node: Extract<ASTNode, { op: 'call' }>, text: string): NumberNode {
  const [name, operands] = node.args;
  if (!isFunction(name)) throw refused(text, node.start, `there is no function ${name}: use one of ${Object.keys(FUNCTIONS).join(', ')}`);
  const { least, most } = FUNCTIONS[name];
  if (operands.length < least || operands.length > most) {
    throw refused(
      text,
      node.start,
      `${name} takes ${least === most ? `${least}` : `at least ${least}`} argument${most === 1 ? '' : 's'}, not ${operands.length}`,
    );
  }
  return { kind: 'call', name, operands: operands.map((operand) => numberOf(operand, text)) };
}

function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(FUNCTIONS, name);
}
