// The arrows of the architecture (docs/adr/0003-layout-and-rules.md). A broken arrow fails `npm run lint`.

/** Folders of shared/ that are business areas: all but kernel and platform. */
const MODULE = '^shared/(?!kernel/|platform/)[^/]+/';
const TESTS = '\\.test\\.ts$';
/** A room is a file or a folder of the same name. Files named after their room count too, such as `usage-repository.ts`. */
const room = (name) => [`^shared/[^/]+/${name}/`, `^shared/[^/]+/${name}\\.ts$`, `^shared/[^/]+/[^/]+-${name}\\.ts$`];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Cycles make the order of loading matter. A port may load its adapters on demand, and they name its types.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['dynamic-import'] } },
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere. (aws-lambda is types only; the loader is a file inside of the chdb package.)',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: ['^aws-lambda$', '^\\./dist/loader\\.js$'] },
    },
    {
      name: 'declared-dependencies',
      comment: 'shared, functions, workers and local run in production images: only `dependencies` and `optionalDependencies` are there.',
      severity: 'error',
      from: { path: '^(shared|functions|workers|local)/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'kernel-imports-nothing',
      comment: 'The kernel is pure: it knows nothing of the product.',
      severity: 'error',
      from: { path: '^shared/kernel/', pathNot: TESTS },
      to: { path: '^(shared|functions|workers|local|infra|test|scripts)/', pathNot: '^shared/kernel/' },
    },
    {
      name: 'kernel-no-builtins',
      comment: 'No input or output in the kernel.',
      severity: 'error',
      from: { path: '^shared/kernel/', pathNot: TESTS },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'domain-is-pure',
      comment: 'Rules are functions of plain data: kernel and other domains only.',
      severity: 'error',
      from: { path: room('domain'), pathNot: TESTS },
      to: { path: '^(shared|functions|workers|local|infra|test|scripts)/', pathNot: ['^shared/kernel/', ...room('domain')] },
    },
    {
      name: 'domain-no-builtins',
      comment: 'No input or output in a domain.',
      severity: 'error',
      from: { path: room('domain'), pathNot: TESTS },
      to: { dependencyTypes: ['core'], pathNot: '^node:crypto$|^crypto$' },
    },
    {
      name: 'contracts-speak-the-wire',
      comment: 'Wire schemas know the kernel, other contracts, and the types of their own domain.',
      severity: 'error',
      from: { path: room('contracts'), pathNot: TESTS },
      to: {
        path: '^(shared|functions|workers|local|infra|test|scripts)/',
        pathNot: ['^shared/kernel/', ...room('contracts'), ...room('domain')],
      },
    },
    {
      name: 'repository-knows-no-use-case',
      comment: 'A repository is below the service and never sees the wire.',
      severity: 'error',
      from: { path: room('repository'), pathNot: TESTS },
      to: { path: [...room('service'), ...room('routes'), ...room('contracts')] },
    },
    {
      name: 'repository-stays-in-its-module',
      comment: 'Other modules are reached through their service or domain.',
      severity: 'error',
      from: { path: '^shared/(?!kernel/|platform/)([^/]+)/(?!.*\\.test\\.ts$)' },
      to: { path: room('repository'), pathNot: '^shared/$1/' },
    },
    {
      name: 'service-knows-no-routes',
      comment: 'Use cases do not know who calls them.',
      severity: 'error',
      from: { path: room('service'), pathNot: TESTS },
      to: { path: room('routes') },
    },
    {
      name: 'wire-stays-in-its-module',
      comment: 'Modules talk to each other in domain types, through services.',
      severity: 'error',
      from: { path: '^shared/([^/]+)/(service|domain|repository)(/|\\.ts$)', pathNot: TESTS },
      to: { path: room('contracts'), pathNot: '^shared/$1/' },
    },
    {
      name: 'routes-use-services',
      comment: 'A route maps the wire to a use case: no SQL behind its back.',
      severity: 'error',
      from: { path: room('routes'), pathNot: TESTS },
      to: { path: [...room('repository'), '^shared/platform/(postgres|clickhouse|event-log)/'] },
    },
    {
      name: 'platform-knows-no-module',
      comment: 'Adapters serve every module and know none.',
      severity: 'error',
      from: { path: '^shared/platform/', pathNot: TESTS },
      to: { path: [MODULE, '^shared/app\\.ts$'] },
    },
    {
      name: 'shared-knows-no-entry-point',
      comment: 'The product does not know who calls it.',
      severity: 'error',
      from: { path: '^shared/', pathNot: TESTS },
      to: { path: '^(functions|workers|local|infra|test|scripts)/' },
    },
    {
      name: 'entry-points-import-shared',
      comment:
        'Entry points are thin and independent of each other, of Local Mode and of the tests. The frame of a long-lived process is one for all.',
      severity: 'error',
      from: { path: '^(functions|workers)/', pathNot: TESTS },
      to: { path: '^(local|infra|test|scripts)/', pathNot: '^local/child\\.ts$' },
    },
    {
      name: 'functions-know-no-workers',
      severity: 'error',
      from: { path: '^functions/', pathNot: TESTS },
      to: { path: '^workers/' },
    },
    {
      name: 'workers-know-no-functions',
      severity: 'error',
      from: { path: '^workers/', pathNot: TESTS },
      to: { path: '^functions/' },
    },
    {
      name: 'infra-imports-no-runtime',
      comment: 'The CDK app describes what runs, it does not load it.',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: '^(shared|functions|workers|local|test|scripts)/' },
    },
    {
      name: 'temporal-only-at-its-port',
      comment: 'Temporal stays behind the job driver; its client weighs 1.4 MB.',
      severity: 'error',
      from: { path: '^(shared|functions|local)/', pathNot: [TESTS, '^shared/platform/workflows/', '^local/engines/'] },
      to: { path: 'node_modules/@temporalio/' },
    },
    {
      name: 'kafkajs-only-at-its-port',
      comment: 'The client can be replaced as long as one folder knows it (docs/adr/0004-kafkajs-behind-a-port.md).',
      severity: 'error',
      from: { path: '^(shared|functions|workers|local)/', pathNot: [TESTS, '^shared/platform/event-log/', '^local/engines/'] },
      to: { path: 'node_modules/kafkajs/' },
    },
    {
      name: 'product-imports-no-tests',
      severity: 'error',
      from: { pathNot: [TESTS, '^test/'] },
      to: { path: [TESTS, '^test/'] },
    },
  ],
  options: {
    // tsc 7 has no JavaScript interface that dependency-cruiser could use: swc parses the sources.
    parser: 'swc',
    tsPreCompilationDeps: true,
    moduleSystems: ['es6', 'cjs'],
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|cdk\\.out)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'require', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.cjs', '.js', '.json'],
    },
  },
};
