// `npm run lint`: Biome, dependency-cruiser, tsc and the house's own source rules. `npm run lint -- --fix` repairs what Biome can.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { switchesOf } from '#local/command-line.ts';
import { checkSource } from './source-rules.ts';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly output: string;
}

const root = resolve(import.meta.dirname, '..');
const fix = switchesOf('npm run lint [-- --fix]   checks the sources; --fix repairs what Biome can', ['--fix']).has('--fix');
const CODE_FOLDERS = ['shared', 'functions', 'workers', 'local', 'infra', 'test', 'scripts'];

/** Script of a package's command. The wrappers in node_modules/.bin are shell on some systems. */
function binOf(packageName: string, bin: string): string {
  const folder = join(root, 'node_modules', packageName);
  const { bin: bins } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  return join(folder, bins[bin] ?? '');
}

function run(name: string, script: string, args: readonly string[]): Promise<Check> {
  return new Promise((done) => {
    execFile(process.execPath, [script, ...args], { cwd: root, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      done({ name, ok: error === null, output: `${stdout}${stderr}`.trim() });
    });
  });
}

/** Tracked files and new ones that git would take: what a commit could hold. */
function sourceFiles(): string[] {
  return execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
    .split('\0')
    .filter((file) => file !== '' && existsSync(join(root, file)) && statSync(join(root, file)).isFile());
}

const TEXT = /\.(ts|mjs|cjs|json|md|sql|ya?ml|sh|csv)$|(^|\/)(Dockerfile|run|\.[a-z]+)$/;
/** Data and generated files: their lines are not ours to shape. */
const NOT_OURS = /^(package-lock\.json|openapi\.json|examples\/|LICENSE)/;

function sourceRules(): Check {
  const problems = sourceFiles()
    .filter((file) => TEXT.test(file) && !NOT_OURS.test(file))
    .flatMap((file) => checkSource(file, readFileSync(join(root, file), 'utf8')));
  const output = problems.map(({ file, line, rule, message }) => `${file}:${line} ${rule}: ${message}`).join('\n');
  return { name: 'source rules', ok: problems.length === 0, output };
}

const folders = CODE_FOLDERS.filter((folder) => existsSync(join(root, folder)));
const checks = await Promise.all([
  run('biome', binOf('@biomejs/biome', 'biome'), [
    'check',
    '--error-on-warnings',
    '--max-diagnostics=100',
    '--colors=off',
    ...(fix ? ['--write'] : []),
  ]),
  run('dependency-cruiser', binOf('dependency-cruiser', 'depcruise'), [...folders, 'build.ts']),
  run('tsc', binOf('typescript', 'tsc'), ['--noEmit', '--pretty', 'false']),
  sourceRules(),
]);

for (const { name, ok, output } of checks) {
  if (!ok) console.log(`\n== ${name}\n${output}\n`);
}
for (const { name, ok } of checks) console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}`);
process.exitCode = checks.every((check) => check.ok) ? 0 : 1;
