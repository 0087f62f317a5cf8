/**
 * Installs real Kafka, a real Temporal dev server and ElasticMQ (SQS) once per machine, and links them below `.engines/`: for tests, and the
 * first two for `npm run start:real`. Never needed for `npm start`. Idempotent; names choose some of them; `--check` only says what is there.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGINES, type InstalledEngine, isInstalled } from '../local/engines/paths.ts';
import { installInto } from './engine-cache.ts';

interface Need {
  readonly program: string;
  readonly args: readonly string[];
  /** The version, and the Debian package that brings it. */
  readonly hint: string;
}

interface Recipe {
  readonly engine: InstalledEngine;
  readonly takes: string;
  /** Programs that must be on the PATH. */
  readonly needs: readonly Need[];
  install(folder: string): void;
}

const JAVA: Need = { program: 'java', args: ['-version'], hint: 'Java 17 or newer; on Debian: apt-get install openjdk-17-jre-headless' };
const MAVEN: Need = { program: 'mvn', args: ['-v'], hint: 'Maven 3; on Debian: apt-get install maven' };
const GO: Need = { program: 'go', args: ['version'], hint: 'Go 1.24 or newer; on Debian: apt-get install golang' };
const { kafka, temporal, elasticmq } = ENGINES;

const recipes: readonly Recipe[] = [
  {
    engine: kafka,
    takes: 'under a minute',
    needs: [JAVA, MAVEN],
    install: (folder) => fromMaven(folder, `org.apache.kafka:kafka_2.13:${kafka.version}`, 'org.slf4j:slf4j-nop:1.7.36'),
  },
  {
    engine: elasticmq,
    takes: 'under a minute',
    needs: [JAVA, MAVEN],
    install: (folder) => fromMaven(folder, `org.elasticmq:elasticmq-server_2.13:${elasticmq.version}`),
  },
  {
    engine: temporal,
    takes: 'some minutes: it is compiled',
    needs: [GO],
    install: (folder) =>
      run('go', ['install', `github.com/temporalio/cli/cmd/temporal@v${temporal.version}`], folder, { GOBIN: join(folder, 'bin') }),
  },
];

const { chosen, checkOnly } = readArguments(process.argv.slice(2));
let failed = false;
// One after another: two compilers at once take longer than one after the other on a machine with few processors.
for (const recipe of chosen) if (!provide(recipe)) failed = true;
process.exitCode = failed ? 1 : 0;

function readArguments(args: readonly string[]): { readonly chosen: readonly Recipe[]; readonly checkOnly: boolean } {
  const names = args.filter((arg) => arg !== '--check');
  const unknown = names.find((name) => !recipes.some(({ engine }) => engine.name === name));
  if (unknown !== undefined) {
    console.error(`There is no engine "${unknown}": choose among ${recipes.map(({ engine }) => engine.name).join(', ')}.`);
    process.exit(2);
  }
  return {
    chosen: names.length === 0 ? recipes : recipes.filter(({ engine }) => names.includes(engine.name)),
    checkOnly: args.includes('--check'),
  };
}

function provide({ engine, takes, needs, install }: Recipe): boolean {
  const name = `${engine.name} ${engine.version}`;
  if (isInstalled(engine)) {
    console.log(`${name}: installed`);
    return true;
  }
  const missing = needs.filter(({ program, args }) => spawnSync(program, [...args], { stdio: 'ignore' }).status !== 0);
  if (checkOnly) {
    console.log(`${name}: not installed${missing.length > 0 ? ` (needs ${missing.map(({ hint }) => hint).join('; ')})` : ''}`);
    return false;
  }
  if (missing.length > 0) {
    for (const { program, hint } of missing) console.error(`${name}: "${program}" was not found. It needs ${hint}.`);
    return false;
  }
  console.log(`${name}: installing (${takes})`);
  try {
    installInto(engine, install);
    console.log(`${name}: installed`);
    return true;
  } catch (error) {
    console.error(`${name}: ${(error as Error).message}`);
    return false;
  }
}

/** Copies the jars of the artifacts (`group:name:version`), with all that they need, into `lib/`. */
function fromMaven(folder: string, ...artifacts: readonly string[]): void {
  const dependencies = artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
  });
  writeFileSync(
    join(folder, 'pom.xml'),
    `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local.engines</groupId>
  <artifactId>engine</artifactId>
  <version>1</version>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`,
  );
  run('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${join(folder, 'lib')}`], folder);
}

function run(program: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): void {
  const { status, error } = spawnSync(program, [...args], { cwd, env: { ...process.env, ...env }, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ended with code ${status}`);
}
