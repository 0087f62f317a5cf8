// Prints the effective configuration as YAML, each value with its environment variable, secrets masked. Exit code 1 with all problems of a bad one.
import { stringify } from 'yaml';
import { effectiveConfig } from '#local/configuration.ts';
import { ConfigError, configLeaves, maskConfig } from '#platform/config/load.ts';

function render(): string {
  const values = maskConfig(effectiveConfig(process.env)) as Record<string, Record<string, unknown>>;
  const lines: string[] = [];
  let current: string | undefined;
  for (const {
    path: [section = '', key = ''],
    variable,
  } of configLeaves()) {
    if (section !== current) lines.push(`${current === undefined ? '' : '\n'}${section}:`);
    current = section;
    const value = values[section]?.[key];
    // A value that is not set is shown as a comment, so that the output is a configuration file as it stands.
    const setting = value === undefined ? `  # ${key}:` : `  ${key}: ${stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()}`;
    lines.push(`${setting.padEnd(44)} # ${variable}`);
  }
  return lines.join('\n');
}

try {
  process.stdout.write(`${render()}\n`);
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
