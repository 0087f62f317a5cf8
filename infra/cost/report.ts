import { type CostLine, fixedCosts } from './fixed.ts';
import type { CostInputs } from './inputs.ts';
import type { Resources } from './resources.ts';
import { variableCosts, type Workload } from './variable.ts';

export interface CostReport {
  readonly environment: string;
  readonly workload: Workload;
  readonly fixed: readonly CostLine[];
  readonly variable: readonly CostLine[];
  readonly fixedTotal: number;
  /** Dollars per million events, without the fixed costs and with them. */
  readonly perMillion: number;
  readonly perMillionAll: number;
  readonly total: number;
}

export function costReport(environment: string, resources: Resources, workload: Workload, inputs: CostInputs): CostReport {
  const [fixed, variable] = [fixedCosts(environment, resources, inputs), variableCosts(resources, workload, inputs)];
  const [fixedTotal, variableTotal] = [total(fixed), total(variable)];
  const millions = workload.eventsPerMonth / 1e6;
  return {
    environment,
    workload,
    fixed,
    variable,
    fixedTotal,
    perMillion: variableTotal / millions,
    perMillionAll: (fixedTotal + variableTotal) / millions,
    total: fixedTotal + variableTotal,
  };
}

/** The report as text for a terminal. */
export function costText(
  { environment, workload: { eventsPerMonth, batch }, fixed, variable, fixedTotal, perMillion, perMillionAll, total: all }: CostReport,
  { basis, measured }: CostInputs,
): string {
  const row = ({ service, what, usd }: CostLine): string => `  ${service.padEnd(20)} ${what.padEnd(52)} ${dollars(usd).padStart(12)}`;
  return [
    `${environment}: ${eventsPerMonth.toLocaleString('en-US')} events a month, ${batch} per request`,
    '',
    'Fixed, per month',
    ...fixed.map(row),
    row({ service: 'together', what: '', usd: fixedTotal }),
    '',
    'For the events',
    ...variable.map(row),
    row({ service: 'together', what: '', usd: all - fixedTotal }),
    '',
    `  ${dollars(fixedTotal)} a month fixed, ${dollars(perMillion)} per million events; ${dollars(all)} together, ${dollars(perMillionAll)} per million`,
    '',
    basis,
    `Unit costs: measured ${measured.date} on ${measured.measuredOn}. This is a model, not a bill: no AWS account has seen it.`,
  ].join('\n');
}

export function dollars(value: number): string {
  return `$${value.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: value !== 0 && Math.abs(value) < 1 ? 3 : 2 })}`;
}

function total(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}
