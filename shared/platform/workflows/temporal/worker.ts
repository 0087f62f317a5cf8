import type { InjectedSinks, WorkerOptions } from '@temporalio/worker';
import pRetry from 'p-retry';
import type { EventLogLogger } from '#platform/event-log/log.ts';
import type { RegisteredJob } from '../registry.ts';
import { temporalActivities } from './activities.ts';
import { connectionOptions, type TemporalConfig } from './client.ts';
import type { JobSinks } from './workflow.ts';

export interface TemporalWorkerOptions<App> {
  readonly config: TemporalConfig;
  readonly jobs: readonly RegisteredJob<App>[];
  readonly app: App;
  readonly logger: EventLogLogger;
  /** The module whose default export is `jobWorkflow(jobs)`, or the bundle that the build made of it. */
  readonly workflows: { readonly path: string } | { readonly bundle: string };
  /** Time for activities in hand when the worker stops. Default 8 s, within Local Mode's 10. */
  readonly shutdownGraceMs?: number;
  readonly concurrency?: number;
  /** Called whenever a run of a job begins. */
  readonly onJobStarted?: () => void;
  /** Called once per job that failed for good. */
  readonly onJobFailed?: () => void;
}

export interface TemporalWorker {
  /** Rejects when the worker broke; resolves after `stop`. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Connects, bundles the workflows unless they are given as a bundle, and polls the task queue. Resolves once it polls. */
export async function startTemporalWorker<App>({
  config,
  jobs,
  app,
  logger,
  workflows,
  shutdownGraceMs = 8_000,
  concurrency = 20,
  onJobStarted,
  onJobFailed,
}: TemporalWorkerOptions<App>): Promise<TemporalWorker> {
  const { bundleWorkflowCode, NativeConnection, Worker } = await import('@temporalio/worker');
  await installRuntime(logger);
  // The server may come up after this process, as in docker-compose.
  const connection = await pRetry(() => NativeConnection.connect(connectionOptions(config)), {
    retries: 12,
    minTimeout: 500,
    maxTimeout: 5_000,
    onFailedAttempt: ({ error }) => logger.warn('Temporal is not reachable yet', { reason: error.message }),
  });
  const sinks: InjectedSinks<JobSinks> = { jobs: { started: { fn: () => onJobStarted?.() }, failed: { fn: () => onJobFailed?.() } } };
  try {
    const workflowBundle: WorkerOptions['workflowBundle'] =
      'bundle' in workflows
        ? { codePath: workflows.bundle }
        : await bundleWorkflowCode({ workflowsPath: workflows.path, logger: quiet(logger) });
    const worker = await Worker.create({
      connection,
      workflowBundle,
      namespace: config.namespace,
      taskQueue: config.task_queue,
      activities: temporalActivities(jobs, app),
      sinks,
      shutdownGraceTime: shutdownGraceMs,
      maxConcurrentActivityTaskExecutions: concurrency,
    });
    const ended = worker.run().finally(() => connection.close());
    // Whoever awaits `ended` or `stop` sees the error; without either it must not end the process as unhandled.
    ended.catch(() => undefined);
    return {
      ended,
      async stop() {
        if (worker.getState() === 'RUNNING') worker.shutdown();
        await ended;
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

let runtime: Promise<void> | undefined;

/** Once per process: sends the SDK's log lines to ours, and leaves signals to the entry point. */
function installRuntime(logger: EventLogLogger): Promise<void> {
  runtime ??= import('@temporalio/worker').then(({ makeTelemetryFilterString, Runtime }) => {
    const filter = makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' });
    Runtime.install({ logger: quiet(logger), shutdownSignals: [], telemetryOptions: { logging: { forward: {}, filter } } });
  });
  return runtime;
}

/** The SDK tells much at info level that only interests its developers. */
function quiet(logger: EventLogLogger) {
  type Meta = Record<string, unknown>;
  const write = {
    TRACE: () => undefined,
    DEBUG: () => undefined,
    INFO: (message: string, meta?: Meta) => logger.debug(message, meta),
    WARN: (message: string, meta?: Meta) => logger.warn(message, meta),
    ERROR: (message: string, meta?: Meta) => logger.error(message, meta),
  };
  return {
    log: (level: keyof typeof write, message: string, meta?: Meta) => write[level](message, meta),
    trace: write.TRACE,
    debug: write.DEBUG,
    info: write.INFO,
    warn: write.WARN,
    error: write.ERROR,
  };
}
