/** A line of a source file that breaks a rule of the house which neither Biome nor dependency-cruiser can express. */
export interface SourceProblem {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** Longest source file, in lines. A longer one wants splitting by concept. Tests are lists of cases and may be longer. */
export const MAX_LINES = 300;
export const MAX_TEST_LINES = 500;

/** Adapters that hand a driver the wall clock, or read it for one: the only files of shared/ that may. */
const WALL_CLOCK_FILES: readonly string[] = [
  'shared/kernel/clock.ts',
  // Compares the expiry of a token with what the broker takes for now.
  'shared/platform/event-log/kafka/client.ts',
];

/** Questions over all tenants: the only ones that ClickHouse is asked without the fence of a tenant. */
const UNFENCED_FILES: readonly string[] = ['shared/ingestion/repository/registry.ts'];

const UNFENCED_QUERY = /\bclickhouse(?:\(\))?\.query\b/;
const WALL_CLOCK = /\bnew Date\(|\bDate\.now\(|\bDateTime\.(?:now|utc|local)\(\)/;
const UNFINISHED = /\b(?:TODO|FIXME|XXX)\b/;
const MACHINE_PATH = /(?:^|[\s"'`(=:,])\/(?:home|root|Users|work|tmp)\/[\w.-]/;
const REGISTRY_HOST = /\bregistry\.[\w-]+\.\w+|\bartifactory\b|\bnpm\.pkg\.\w+/i;
const SELF = /^scripts\/source-rules(\.test)?\.ts$/;

/** Checks one file, named by its path from the root with forward slashes. Pure. */
export function checkSource(file: string, content: string): SourceProblem[] {
  const problems: SourceProblem[] = [];
  const report = (line: number, rule: string, message: string): void => {
    problems.push({ file, line, rule, message });
  };
  const lines = content.split('\n');
  const isCode = /\.(ts|mjs|cjs)$/.test(file);
  const isTest = file.endsWith('.test.ts') || file.startsWith('test/');
  const timed = isCode && file.startsWith('shared/') && !isTest && !WALL_CLOCK_FILES.includes(file);
  const fenced =
    isCode && file.startsWith('shared/') && !file.startsWith('shared/platform/clickhouse/') && !isTest && !UNFENCED_FILES.includes(file);

  const longest = isTest ? MAX_TEST_LINES : MAX_LINES;
  if (isCode && lines.length > longest + 1) {
    report(lines.length, 'file-length', `${lines.length - 1} lines: more than ${longest}, split it by concept`);
  }
  if (content.length > 0 && !content.endsWith('\n')) report(lines.length, 'final-newline', 'no newline at the end of the file');

  lines.forEach((text, index) => {
    const line = index + 1;
    if (isCode && /[ \t]+$/.test(text)) report(line, 'trailing-space', 'white space at the end of the line');
    if (isCode && text.includes('\t')) report(line, 'tab', 'indent with two spaces');
    if (timed && WALL_CLOCK.test(withoutComment(text))) report(line, 'wall-clock', 'take the time from an injected Clock');
    if (fenced && UNFENCED_QUERY.test(text)) report(line, 'unfenced-query', 'ask through ofTenant (#platform/clickhouse/tenant.ts)');
    if (SELF.test(file)) return;
    if (isCode && UNFINISHED.test(text)) report(line, 'unfinished', 'finish it or open an issue');
    if (MACHINE_PATH.test(text)) report(line, 'machine-path', 'a path of one machine');
    if (REGISTRY_HOST.test(text)) report(line, 'registry-host', 'the registry is the configuration of the machine, not of the repository');
  });
  return problems;
}

function withoutComment(text: string): string {
  return /^\s*(\/\/|\*|\/\*)/.test(text) ? '' : text.replace(/\s\/\/\s.*$/, '');
}
