import { expect, test } from 'vitest';
import { checkSource, MAX_LINES } from './source-rules.ts';

const rules = (file: string, content: string): string[] => checkSource(file, content).map((problem) => `${problem.line} ${problem.rule}`);

test.each(['const now = new Date();\n', 'const now = Date.now();\n', 'const now = DateTime.utc();\n', 'const now = DateTime.now();\n'])(
  '%j is refused in services and allowed in tests',
  (content) => {
    expect(rules('shared/invoicing/service.ts', content)).toEqual(['1 wall-clock']);
    expect(rules('shared/invoicing/service.test.ts', content)).toEqual([]);
    expect(rules('local/start.ts', content)).toEqual([]);
  },
);

test('a fixed time is not the wall clock, and neither is a comment', () => {
  expect(rules('shared/invoicing/service.ts', 'const start = DateTime.utc(2026, 1, 1);\n// never new Date()\n')).toEqual([]);
});

test('the clock itself may read the time', () => {
  expect(rules('shared/kernel/clock.ts', 'export const systemClock: Clock = { now: () => DateTime.utc() };\n')).toEqual([]);
});

test('ClickHouse is asked for a tenant, but by the registry of ids', () => {
  const content = 'const rows = await clickhouse.query(sql);\n';
  expect(rules('shared/metering/repository/usage.ts', content)).toEqual(['1 unfenced-query']);
  expect(rules('shared/metering/repository/usage.ts', 'await clickhouse().query<Row>(sql);\n')).toEqual(['1 unfenced-query']);
  expect(rules('shared/metering/repository/usage.ts', 'await ofTenant(clickhouse, ctx).query(sql);\n')).toEqual([]);
  expect(rules('shared/ingestion/repository/registry.ts', content)).toEqual([]);
  expect(rules('test/integration/audit.test.ts', content)).toEqual([]);
});

test('a file may have the limit of lines and not one more', () => {
  expect(rules('shared/invoicing/domain.ts', 'x\n'.repeat(MAX_LINES))).toEqual([]);
  expect(rules('shared/invoicing/domain.ts', 'x\n'.repeat(MAX_LINES + 1))).toEqual([`${MAX_LINES + 2} file-length`]);
  expect(rules('docs/architecture.md', 'x\n'.repeat(MAX_LINES + 1))).toEqual([]);
});

test('paths of one machine and hosts of registries are refused in every text file', () => {
  expect(rules('README.md', 'see /home/ada/flexprice\n')).toEqual(['1 machine-path']);
  expect(rules('.npmrc', 'registry=https://registry.example.org/\n')).toEqual(['1 registry-host']);
  expect(rules('README.md', 'POST /v1/events and shared/home/x\n')).toEqual([]);
});

test('white space, tabs, missing newline and unfinished work are reported with their line', () => {
  expect(rules('shared/invoicing/domain.ts', 'a \n\tb\n// TODO c')).toEqual([
    '3 final-newline',
    '1 trailing-space',
    '2 tab',
    '3 unfinished',
  ]);
});
