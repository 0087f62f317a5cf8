// Completes package-lock.json with the optional packages of other platforms.
// npm leaves them out when it cannot read their metadata, and `npm ci` then refuses the very lock that npm wrote.
// Run it after every change of dependencies. Works on Node 20 without dependencies.
import { readFileSync, writeFileSync } from 'node:fs';

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
const added = [];

for (const [parent, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] || lock.packages[`${parent}/node_modules/${name}`]) continue;
    const platform = /(darwin|win32|linux|freebsd|android)-(x64|arm64|ia32|arm|ppc64|s390x|riscv64)/.exec(name) ?? [];
    lock.packages[`node_modules/${name}`] = { version, optional: true, os: [platform[1] ?? 'none'], cpu: [platform[2] ?? 'none'] };
    added.push(name);
  }
}

writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? 'package-lock.json is complete' : `added to package-lock.json: ${added.join(', ')}`);
