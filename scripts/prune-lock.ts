interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { optional?: boolean }>>;
  readonly dev?: boolean;
}

export interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private: true;
  readonly type: 'module';
  readonly dependencies: Record<string, string>;
}

/**
 * The part of a lock file (version 3) that some of its direct dependencies need, as the manifest and lock of a package of their own:
 * an image can `npm ci` just these, in the versions that were tested.
 * Throws when a name is not in the lock, or when a dependency that is not optional is missing from it.
 */
export function pruneLock(lock: Lock, name: string, roots: readonly string[]): { manifest: Manifest; lock: unknown } {
  const kept = new Set<string>();
  const visit = (parent: string, dependency: string, optional: boolean): void => {
    const path = locate(lock, parent, dependency);
    if (path === undefined) {
      if (optional) return;
      throw new Error(`package-lock.json has no ${dependency}, which ${parent || 'the root'} needs`);
    }
    if (kept.has(path)) return;
    kept.add(path);
    const entry = lock.packages[path] ?? {};
    for (const inner of Object.keys(entry.dependencies ?? {})) visit(path, inner, inner in (entry.optionalDependencies ?? {}));
    for (const inner of Object.keys(entry.optionalDependencies ?? {})) visit(path, inner, true);
    // A peer that npm put into the tree is part of what was tested; one that is absent was not needed.
    for (const inner of Object.keys(entry.peerDependencies ?? {})) visit(path, inner, true);
  };
  for (const root of roots) visit('', root, false);

  const dependencies = Object.fromEntries([...roots].sort().map((root) => [root, lock.packages[`node_modules/${root}`]?.version ?? '']));
  const manifest: Manifest = { name, version: '0.0.0', private: true, type: 'module', dependencies };
  const packages = Object.fromEntries([...kept].sort().map((path) => [path, lock.packages[path]]));
  return {
    manifest,
    lock: {
      name,
      version: manifest.version,
      lockfileVersion: lock.lockfileVersion,
      requires: true,
      packages: { '': { name, version: manifest.version, dependencies }, ...packages },
    },
  };
}

/** Node's own rule: the nearest node_modules, from the parent's up to the root's. */
function locate(lock: Lock, parent: string, dependency: string): string | undefined {
  for (let folder = parent; folder !== ''; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const path = `${folder}/node_modules/${dependency}`;
    if (lock.packages[path]) return path;
  }
  return lock.packages[`node_modules/${dependency}`] ? `node_modules/${dependency}` : undefined;
}
