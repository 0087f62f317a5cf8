/**
 * `npm run lint:infra`: cfn-lint over the templates of all environments, and hadolint over the Dockerfiles. Both are tools of Python's registry,
 * kept like the engines (scripts/engines.ts). Without Python it says so and does nothing, unless FLEXPRICE_TEST_ENGINES=required.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import * as z from 'zod';
import { buildAll } from '../build.ts';
import { ENVIRONMENT_NAMES } from '../infra/config/environments.ts';
import { type PythonTools, pythonTools } from './python-tools.ts';
import { synthesise } from './synthesise.ts';

const root = resolve(import.meta.dirname, '..');
const DOCKERFILES = ['workers/Dockerfile', 'infra/images/temporal/Dockerfile'];

/** Rules that do not hold here, each with its reason. */
const NOT_FOR_US = {
  W3010: 'zones come from the configuration of an environment, so that templates need no look-up',
  W3005: 'the CDK writes a dependency on the role of a function beside the reference to it',
};
/** cfn-lint knows this function of CloudFormation, but not yet within `Fn::Split` and `Fn::Join`, where it takes it for something else than text. */
const NOT_KNOWN_WITHIN = { rules: ['E1017', 'E1022'], message: "{'Fn::GetStackOutput':" };

const findings = z.array(
  z.object({
    Filename: z.string(),
    Message: z.string(),
    Rule: z.object({ Id: z.string() }),
    Location: z.object({ Path: z.array(z.union([z.string(), z.number()])).nullable() }),
  }),
);

const tools = pythonTools();
if (tools === undefined) {
  console.log('lint of the infrastructure: skipped, there is no Python 3 with venv (on Debian: apt-get install python3-venv)');
  process.exit(process.env.FLEXPRICE_TEST_ENGINES === 'required' ? 1 : 0);
}
const problems = [...(await lintTemplates(tools.cfnLint)), ...lintDockerfiles(tools.hadolint)];
for (const problem of problems) console.log(problem);
console.log(problems.length === 0 ? `ok   ${ENVIRONMENT_NAMES.join(', ')}: templates and Dockerfiles` : `FAIL ${problems.length} findings`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function lintTemplates([python, cfnLint]: PythonTools['cfnLint']): Promise<string[]> {
  if (!existsSync(join(root, 'dist/functions'))) await buildAll();
  const folder = mkdtempSync(join(tmpdir(), 'flexprice-lint-'));
  try {
    const templates = ENVIRONMENT_NAMES.flatMap((env) => synthesise(env, join(folder, env)).map(({ path }) => path));
    const { stdout, stderr, error } = spawnSync(
      python,
      [cfnLint, '--ignore-checks', ...Object.keys(NOT_FOR_US), '--format', 'json', '--', ...templates],
      { encoding: 'utf8', maxBuffer: 64 << 20 },
    );
    if (error !== undefined || stdout.trim() === '') throw error ?? new Error(`cfn-lint said nothing but: ${stderr}`);
    return findings
      .parse(JSON.parse(stdout))
      .filter(({ Rule, Message }) => !(NOT_KNOWN_WITHIN.rules.includes(Rule.Id) && Message.startsWith(NOT_KNOWN_WITHIN.message)))
      .map(
        ({ Rule, Message, Filename, Location }) =>
          `${relative(folder, Filename)} ${(Location.Path ?? []).join('.')} ${Rule.Id}: ${Message}`,
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lintDockerfiles(hadolint: string): string[] {
  const { stdout, stderr, error, status } = spawnSync(hadolint, ['--no-color', ...DOCKERFILES], { cwd: root, encoding: 'utf8' });
  if (error !== undefined) throw error;
  return status === 0 && stdout.trim() === '' ? [] : `${stdout}${stderr}`.trim().split('\n');
}
