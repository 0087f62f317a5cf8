import type { Decimal } from '#kernel/decimal.ts';
import { type ConditionNode, type Expression, type NumberNode, propertiesOf } from '../domain/expression/ast.ts';
import { QUANTITY_DIGITS } from '#ingestion/domain/properties.ts';
import { bounded, Names, product, quotient, roundedQuotient, sizeOf, whole, wholeNumber } from './fixed-point-sql.ts';
import { logarithm, power, squareRoot } from './roots-sql.ts';
import type { Bindings } from '#platform/clickhouse/sql.ts';
import { propertyTextSql, quantitySql } from './property-sql.ts';

/** What the translation of one expression shares: its parameters, the names it gives, and the columns that hold its properties. */
interface Translation {
  readonly bindings: Bindings;
  readonly names: Names;
  readonly columns: ReadonlyMap<string, string>;
}

/**
 * Columns of a SELECT from `events` that end in `quantity`: what each event is worth as `evaluateExpression` computes it, digit by
 * digit, NULL where it has no value. The statement holds the shape of the expression only; property names and numbers are parameters.
 */
export function expressionColumns(bindings: Bindings, expression: Expression): string[] {
  const properties = propertiesOf(expression);
  const columns = new Map(properties.map((name, index) => [name, `property_${index}`]));
  const read = properties.flatMap((name, index) => [
    `${propertyTextSql(bindings, name)} AS text_${index}`,
    // Missing is 0; null is there, and no number.
    `if(JSONHas(properties, ${bindings.bind('String', name)}), reinterpret(${quantitySql(`text_${index}`)}, 'Int256'), ${whole(0n)}) AS property_${index}`,
  ]);
  return [
    ...read,
    `reinterpret(${numberSql(expression.root, { bindings, names: new Names(), columns })}, 'Decimal(76, ${QUANTITY_DIGITS})') AS quantity`,
  ];
}

function numberSql(node: NumberNode, translation: Translation): string {
  const { bindings, names, columns } = translation;
  const inner = (child: NumberNode): string => numberSql(child, translation);
  switch (node.kind) {
    case 'literal':
      return bindings.bind('Int256', unitsOf(node.value));
    case 'property':
      return columns.get(node.name) ?? '';
    case 'negation':
      return `(-${inner(node.operand)})`;
    case 'arithmetic':
      return arithmeticSql(node, translation);
    case 'call':
      return callSql(node, translation);
    // A NULL condition would count as false.
    case 'choice':
      return names.let(
        [conditionSql(node.condition, translation), inner(node.whenTrue), inner(node.whenFalse)],
        (condition, yes, no) => `if(isNull(${condition}), NULL, if(${condition}, ${yes}, ${no}))`,
      );
  }
}

function arithmeticSql({ operator, left, right }: Extract<NumberNode, { kind: 'arithmetic' }>, translation: Translation): string {
  const { names } = translation;
  const [a, b] = [numberSql(left, translation), numberSql(right, translation)];
  switch (operator) {
    case '+':
    case '-':
      return bounded(names, `(${a} ${operator} ${b})`);
    case '*':
      return productWithLiteral(translation, a, right) ?? productWithLiteral(translation, b, left) ?? product(names, a, b);
    case '/':
      return quotientByLiteral(translation, a, right) ?? quotient(names, a, b);
  }
}

/** Whole numbers of up to nine digits leave room for a product with any number. */
const SHORT = 10n ** 9n;

/** Product with a factor such as 60 or 1.5, an order of magnitude cheaper than a product of any two numbers, and the same. */
function productWithLiteral({ bindings, names }: Translation, value: string, factor: NumberNode): string | null {
  if (factor.kind !== 'literal') return null;
  const { digits, scale } = fractionOf(factor.value);
  if (digits <= -SHORT || digits >= SHORT) return null;
  const multiple = `(${value} * ${bindings.bind('Int256', digits.toString())})`;
  return bounded(names, scale === 1n ? multiple : roundedQuotient(names, multiple, whole(scale), whole(scale / 2n)));
}

function quotientByLiteral({ bindings, names }: Translation, value: string, divisor: NumberNode): string | null {
  if (divisor.kind !== 'literal') return null;
  const { digits, scale } = fractionOf(divisor.value);
  if (digits === 0n || scale > SHORT) return null;
  const size = digits < 0n ? -digits : digits;
  const multiple = `(${value} * ${whole(digits < 0n ? -scale : scale)})`;
  return bounded(
    names,
    roundedQuotient(names, multiple, bindings.bind('Int256', size.toString()), bindings.bind('Int256', (size / 2n).toString())),
  );
}

function callSql({ name, operands }: Extract<NumberNode, { kind: 'call' }>, translation: Translation): string {
  const { names } = translation;
  const [first = '', ...others] = operands.map((operand) => numberSql(operand, translation));
  switch (name) {
    case 'max':
    case 'min':
      return others.reduce(
        (a, b) =>
          names.let([a, b], (x, y) => `if(isNull(${x}) OR isNull(${y}), NULL, if(${x} ${name === 'max' ? '>=' : '<='} ${y}, ${x}, ${y}))`),
        first,
      );
    case 'abs':
      return names.let([first], sizeOf);
    case 'sqrt':
      return squareRoot(names, first);
    case 'log':
      return logarithm(names, first);
    case 'pow': {
      const exponent = operands[1];
      return power(names, first, others[0] ?? '', exponent?.kind === 'literal' ? BigInt(unitsOf(exponent.value)) : null);
    }
    default:
      return wholeNumber(names, first, name);
  }
}

/** `AND`, `OR` and `NOT` of SQL treat NULL as CEL treats a side without a value. */
function conditionSql(node: ConditionNode, translation: Translation): string {
  switch (node.kind) {
    case 'not':
      return `(NOT ${conditionSql(node.operand, translation)})`;
    case 'logic':
      return `(${conditionSql(node.left, translation)} ${node.operator === '&&' ? 'AND' : 'OR'} ${conditionSql(node.right, translation)})`;
    case 'comparison':
      return `(${numberSql(node.left, translation)} ${node.operator} ${numberSql(node.right, translation)})`;
  }
}

function unitsOf(value: Decimal): string {
  return value.times(`1e${QUANTITY_DIGITS}`).toFixed(0);
}

/** A literal as `digits / scale`. */
function fractionOf(value: Decimal): { digits: bigint; scale: bigint } {
  const places = value.decimalPlaces();
  return { digits: BigInt(value.times(`1e${places}`).toFixed(0)), scale: 10n ** BigInt(places) };
}
