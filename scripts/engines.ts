/**
 * Installs real Kafka and a real Temporal dev server below `.engines/`, for tests and for `npm run start:real`.
 * Never needed for `npm start`. Idempotent; `--check` only says what is there.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGINES, kafkaIsInstalled, temporalIsInstalled } from '../local/engines/paths.ts';

const KAFKA_VERSION = '3.9.1';
const TEMPORAL_MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';

const POM = `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local.engines</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
`;

interface Engine {
  readonly name: string;
  /** Programs that must be on the PATH, with the Debian package that brings each. */
  readonly needs: readonly { readonly program: string; readonly args: readonly string[]; readonly hint: string }[];
  isInstalled(): boolean;
  install(): void;
}

const engines: readonly Engine[] = [
  {
    name: `Kafka ${KAFKA_VERSION}`,
    needs: [
      { program: 'java', args: ['-version'], hint: 'Java 17 or newer; on Debian: apt-get install openjdk-17-jre-headless' },
      { program: 'mvn', args: ['-v'], hint: 'Maven 3; on Debian: apt-get install maven' },
    ],
    isInstalled: kafkaIsInstalled,
    install() {
      mkdirSync(ENGINES.kafka, { recursive: true });
      writeFileSync(join(ENGINES.kafka, 'pom.xml'), POM);
      run('mvn', ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${ENGINES.kafkaLib}`], ENGINES.kafka);
    },
  },
  {
    name: 'Temporal dev server (CLI 1.5.1)',
    needs: [{ program: 'go', args: ['version'], hint: 'Go 1.24 or newer; on Debian: apt-get install golang' }],
    isInstalled: temporalIsInstalled,
    install() {
      mkdirSync(ENGINES.temporal, { recursive: true });
      run('go', ['install', TEMPORAL_MODULE], ENGINES.temporal, { GOBIN: join(ENGINES.temporal, 'bin') });
    },
  },
];

const checkOnly = process.argv.includes('--check');
let failed = false;
for (const engine of engines) {
  const missing = engine.needs.filter(({ program, args }) => spawnSync(program, [...args], { stdio: 'ignore' }).status !== 0);
  if (engine.isInstalled()) {
    console.log(`${engine.name}: installed`);
  } else if (checkOnly) {
    console.log(`${engine.name}: not installed${missing.length > 0 ? ` (needs ${missing.map(({ hint }) => hint).join('; ')})` : ''}`);
    failed = true;
  } else if (missing.length > 0) {
    for (const { program, hint } of missing) console.error(`${engine.name}: "${program}" was not found. It needs ${hint}.`);
    failed = true;
  } else {
    console.log(`${engine.name}: installing (Kafka takes under a minute, Temporal is compiled in some minutes)`);
    try {
      engine.install();
      if (!engine.isInstalled()) throw new Error('the installer ended well, but the files are not there');
      console.log(`${engine.name}: installed`);
    } catch (error) {
      console.error(`${engine.name}: ${(error as Error).message}`);
      failed = true;
    }
  }
}
process.exitCode = failed ? 1 : 0;

function run(program: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): void {
  const { status, error } = spawnSync(program, [...args], { cwd, env: { ...process.env, ...env }, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${program} ended with code ${status}`);
}
