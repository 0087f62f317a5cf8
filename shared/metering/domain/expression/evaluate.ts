import { Decimal, ZERO } from '#kernel/decimal.ts';
import { type Properties, propertyText, quantityOf } from '#ingestion/domain/properties.ts';
import type { ConditionNode, Expression, NumberNode } from './ast.ts';
import { logarithm, over, plus, power, Refusal, type Result, squareRoot, times, wholeBy } from './numbers.ts';

/**
 * What the properties of one event are worth, or why nothing. Takes stored properties. A missing property is 0; one that is
 * there and no number makes the event worth nothing, where its value is needed (metering.md 3.5). The SQL of usage queries
 * computes the same number, digit by digit.
 */
export function evaluateExpression({ root }: Expression, properties: Properties): Result {
  return number(root, properties);
}

function number(node: NumberNode, properties: Properties): Result {
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'property':
      return propertyValue(properties, node.name);
    case 'negation':
      return each([number(node.operand, properties)], ([value]) => times(value, new Decimal(-1)));
    case 'arithmetic':
      return each([number(node.left, properties), number(node.right, properties)], ([left, right]) => {
        switch (node.operator) {
          case '+':
            return plus(left, right);
          case '-':
            return plus(left, right.negated());
          case '*':
            return times(left, right);
          case '/':
            return over(left, right);
        }
      });
    case 'call':
      return call(
        node,
        node.operands.map((operand) => number(operand, properties)),
      );
    case 'choice': {
      const condition = holds(node.condition, properties);
      return condition instanceof Refusal ? condition : number(condition ? node.whenTrue : node.whenFalse, properties);
    }
  }
}

function call({ name }: Extract<NumberNode, { kind: 'call' }>, operands: readonly Result[]): Result {
  return each(operands, (values) => {
    const [first, second] = values as [Decimal, Decimal];
    switch (name) {
      case 'max':
        return Decimal.max(...values);
      case 'min':
        return Decimal.min(...values);
      case 'abs':
        return first.abs();
      case 'pow':
        return power(first, second);
      case 'sqrt':
        return squareRoot(first);
      case 'log':
        return logarithm(first);
      default:
        return wholeBy(name, first);
    }
  });
}

/** Like CEL's, `&&` and `||` know their answer from one side when the other has none. */
function holds(node: ConditionNode, properties: Properties): boolean | Refusal {
  if (node.kind === 'not') {
    const inner = holds(node.operand, properties);
    return inner instanceof Refusal ? inner : !inner;
  }
  if (node.kind === 'logic') {
    const sides = [holds(node.left, properties), holds(node.right, properties)];
    const deciding = node.operator === '||';
    return sides.includes(deciding) ? deciding : (sides.find((side) => side instanceof Refusal) ?? !deciding);
  }
  const [left, right] = [number(node.left, properties), number(node.right, properties)];
  if (left instanceof Refusal) return left;
  if (right instanceof Refusal) return right;
  const order = left.comparedTo(right);
  switch (node.operator) {
    case '==':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function propertyValue(properties: Properties, name: string): Result {
  if (!Object.hasOwn(properties, name)) return ZERO;
  const value = quantityOf(propertyText(properties, name));
  return value === null ? new Refusal(notANumber(properties, name)) : value.isZero() ? ZERO : value;
}

/** Why a property that is there has no number, in the words of the lookup. */
export function notANumber(properties: Properties, name: string): string {
  const value = properties[name];
  return `property ${name} is ${value === null ? 'null' : typeof value === 'string' ? 'text' : `a ${typeof value}`} and not a number in range`;
}

function each<const T extends readonly Result[]>(results: T, then: (values: { [K in keyof T]: Decimal }) => Result): Result {
  const refusal = results.find((result) => result instanceof Refusal);
  return refusal instanceof Refusal ? refusal : then(results as { [K in keyof T]: Decimal });
}
