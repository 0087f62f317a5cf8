// The arrows of the architecture (docs/adr/0003-layout-and-rules.md). A broken arrow fails `npm run lint`.

/** Folders of shared/ that are business areas: all but kernel, platform, how a module is declared, and the composition. */
const MODULE = '^shared/(?!kernel/|platform/|module/|app/)[^/]+/';
/** Of the resource kit, what declares lists and nothing else. */
const DECLARATIONS = '^shared/platform/resource/(conditions|filters|listing)\\.ts$';
const TESTS = '\\.test\\.ts$';
/** A room is a file or a folder of the same name. */
const room = (name) => [`^shared/[^/]+/${name}/`, `^shared/[^/]+/${name}\\.ts$`, `^shared/[^/]+/[^/]+-${name}\\.ts$`];

/** The modules, each after those that it knows: an arrow from one to a later one runs upwards. */
const MODULES_FROM_BELOW = [
  'access',
  'settings',
  'tenancy',
  'customers',
  'ingestion',
  'metering',
  'counters',
  'catalog',
  'portal',
  'subscriptions',
  'entitlements',
  'charges',
  'numbering',
  'ledger',
  'invoicing',
  'analytics',
  'costs',
  'onboarding',
  'audit',
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Cycles make the order of loading matter, and nothing can be read first.',
      severity: 'error',
      from: {},
      to: { circular: true },
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
      comment: 'Wire schemas know the kernel, other contracts, the types of their own domain, and how a list is declared.',
      severity: 'error',
      from: { path: room('contracts'), pathNot: TESTS },
      to: {
        path: '^(shared|functions|workers|local|infra|test|scripts)/',
        pathNot: ['^shared/kernel/', ...room('contracts'), ...room('domain'), DECLARATIONS],
      },
    },
    {
      name: 'events-speak-the-wire',
      comment: 'What others are told is made of contracts.',
      severity: 'error',
      from: { path: room('events'), pathNot: TESTS },
      to: {
        path: '^(shared|functions|workers|local|infra|test|scripts)/',
        pathNot: ['^shared/kernel/', ...room('contracts'), '^shared/platform/resource/events\\.ts$'],
      },
    },
    {
      name: 'declarations-are-light',
      comment: 'A contract that is loaded brings no engine with it.',
      severity: 'error',
      from: { path: DECLARATIONS },
      to: {
        path: '^shared/|node_modules/(kysely|pg)/',
        pathNot: ['^shared/kernel/', '^shared/platform/resource/(conditions|cursor|field-filters|filters)\\.ts$'],
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
      name: 'ingestion-knows-no-meter',
      comment: 'The write path stores events and their accounts. What they count for is asked of the table of events.',
      severity: 'error',
      from: { path: '^shared/ingestion/', pathNot: TESTS },
      to: { path: MODULE, pathNot: '^shared/(ingestion|tenancy|access|settings)/' },
    },
    {
      name: 'front-doors-are-for-the-list',
      comment: 'What a module builds reaches others through the app, by name; only the lists of modules know front doors.',
      severity: 'error',
      from: { path: '^(shared|functions|workers)/', pathNot: [TESTS, '^shared/app/'] },
      to: { path: '^shared/[^/]+/module\\.ts$', pathNot: '^shared/app/' },
    },
    {
      name: 'modules-know-no-app',
      comment: 'A module names what it needs, and is composed by others.',
      severity: 'error',
      from: { path: ['^shared/(?!app/)'], pathNot: TESTS },
      to: { path: '^shared/app/' },
    },
    {
      name: 'every-module-has-its-place',
      comment: 'A new module stands in MODULES_FROM_BELOW, after those that it knows.',
      severity: 'error',
      from: { path: `^shared/(?!(${[...MODULES_FROM_BELOW, 'kernel', 'platform', 'module', 'app'].join('|')})/)` },
      to: {},
    },
    ...MODULES_FROM_BELOW.slice(0, -1).map((name, place) => ({
      name: `${name}-knows-no-module-above`,
      comment: 'Arrows between modules run one way. What a lower one needs of a higher one it names as a port, and is given.',
      severity: 'error',
      from: { path: `^shared/${name}/`, pathNot: TESTS },
      to: { path: `^shared/(${MODULES_FROM_BELOW.slice(place + 1).join('|')})/` },
    })),
    {
      name: 'portal-knows-no-routes',
      comment: 'Each module brings what customers see of it.',
      severity: 'error',
      from: { path: '^shared/portal/', pathNot: TESTS },
      to: { path: room('routes'), pathNot: '^shared/portal/' },
    },
    {
      name: 'front-doors-know-how-to-be-declared',
      comment: 'What is behind a front door is given what it needs, one by one.',
      severity: 'error',
      from: { path: MODULE, pathNot: [TESTS, '^shared/[^/]+/module\\.ts$'] },
      to: { path: '^shared/module/(engines|declaration)\\.ts$' },
    },
    {
      name: 'declarations-of-modules-know-none',
      comment: 'How a module is declared stands below all of them.',
      severity: 'error',
      from: { path: '^shared/module/', pathNot: TESTS },
      to: { path: [MODULE, '^shared/app/'] },
    },
    {
      name: 'charges-are-rules',
      comment: 'What a period costs is a function of plain data, for the server and for a browser.',
      severity: 'error',
      from: { path: '^shared/charges/', pathNot: TESTS },
      to: {
        path: '^(shared|functions|workers|local|infra|test|scripts)/',
        pathNot: ['^shared/kernel/', '^shared/charges/', ...room('domain')],
      },
    },
    {
      name: 'platform-knows-no-module',
      comment: 'Adapters serve every module and know none.',
      severity: 'error',
      from: { path: '^shared/platform/', pathNot: TESTS },
      to: { path: [MODULE, '^shared/app/'] },
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
      comment: 'Entry points are thin and independent of each other, of Local Mode and of the tests.',
      severity: 'error',
      from: { path: '^(functions|workers)/', pathNot: TESTS },
      to: { path: '^(local|infra|test|scripts)/' },
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
