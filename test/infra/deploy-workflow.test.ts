import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ENVIRONMENT_NAMES } from '../../infra/config/environments.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly if?: string;
  readonly needs?: string;
  readonly environment?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: { readonly workflow_dispatch: { readonly inputs: { readonly environment: { readonly options: readonly string[] } } } };
  readonly permissions: object;
  readonly jobs: Readonly<Record<'check' | 'diff' | 'deploy', Job>>;
}

const workflow = parse(readFileSync(join(import.meta.dirname, '../../.github/workflows/deploy.yml'), 'utf8')) as Workflow;
const { check, diff, deploy } = workflow.jobs;

test('a deployment follows the checks, in an environment of GitHub that can ask for approval', () => {
  expect(deploy.needs).toBe('check');
  expect(deploy.environment).toContain('inputs.environment');
  expect(workflow.on.workflow_dispatch.inputs.environment.options).toEqual(ENVIRONMENT_NAMES);
  expect(check.steps.map(({ run }) => run)).toContain('.ci/run');
});

test('only a deployment gets an identity at AWS, and no key is stored', () => {
  expect(workflow.permissions).toEqual({ contents: 'read' });
  expect(deploy.permissions).toEqual({ contents: 'read', 'id-token': 'write' });
  for (const job of [check, diff]) expect(job.permissions ?? {}).not.toHaveProperty('id-token');
  expect(deploy.if).toBe("github.event_name != 'pull_request'");
  const credentials = deploy.steps.find(({ uses }) => uses?.startsWith('aws-actions/configure-aws-credentials'));
  expect(credentials?.with?.['role-to-assume']).toMatch(/role\/flexprice-\$\{\{ env\.TARGET \}\}-deploy$/);
  expect(JSON.stringify(workflow)).not.toMatch(/secrets\./);
});

test('what comes from outside reaches a shell as a variable, never as its text', () => {
  for (const { run = '' } of [check, diff, deploy].flatMap(({ steps }) => steps)) expect(run).not.toMatch(/\$\{\{/);
});
