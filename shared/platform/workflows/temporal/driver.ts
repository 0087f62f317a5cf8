import type { Client } from '@temporalio/client';
import { notFound, unavailable } from '#kernel/errors.ts';
import { type JobDriver, JobFailedError } from '../job.ts';
import { findJob, type RegisteredJob } from '../registry.ts';
import { createTemporalClient, type TemporalConfig } from './client.ts';

/** Starts jobs as Temporal workflows; a worker process runs them. Connects on first use, once. */
export function createTemporalJobDriver<App>(config: TemporalConfig, jobs: readonly RegisteredJob<App>[]): JobDriver {
  let connecting: Promise<Client> | undefined;
  const client = () => (connecting ??= createTemporalClient(config));

  return {
    async start(job, workflowId, input) {
      findJob(jobs, job);
      const { WorkflowExecutionAlreadyStartedError, isGrpcServiceError } = await import('@temporalio/client');
      try {
        await (await client()).workflow.start(job, {
          taskQueue: config.task_queue,
          workflowId,
          args: [input],
          // A conflict with a running one is answered here and not by USE_EXISTING, which would not say that nothing was started.
          workflowIdConflictPolicy: 'FAIL',
          workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
        });
        return { started: true };
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return { started: false };
        throw isGrpcServiceError(error) ? unavailable('temporal', error) : error;
      }
    },

    async result(workflowId) {
      const { WorkflowFailedError, WorkflowNotFoundError } = await import('@temporalio/client');
      const { ApplicationFailure } = await import('@temporalio/common');
      try {
        return await (await client()).workflow.getHandle(workflowId).result();
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) throw notFound('job', workflowId);
        if (!(error instanceof WorkflowFailedError)) throw error;
        const { cause } = error;
        const code = cause instanceof ApplicationFailure ? (cause.type ?? 'internal_error') : 'internal_error';
        throw new JobFailedError(workflowId, code, cause?.message ?? error.message, { cause: error });
      }
    },

    async close() {
      if (connecting) await (await connecting).connection.close();
      connecting = undefined;
    },
  };
}
