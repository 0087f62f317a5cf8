import type { Config } from '../config/schema.ts';

/** Where a process says what took how long. */
export interface Tracing {
  /** Runs the work as one subsegment; an error is noted in it and passed on. */
  trace<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** Tracing of a process that has none. */
export const noTracing: Tracing = { trace: (_, work) => work() };

/**
 * X-Ray segments of a function, with those of its HTTP calls below them. Off unless `tracing.enabled`, and outside of Lambda, where nobody takes them.
 * @param service name of the process, an annotation of each segment
 */
export async function createTracing(config: Pick<Config, 'tracing'>, service: string): Promise<Tracing> {
  if (!config.tracing.enabled) return noTracing;
  // Loaded where it is used: X-Ray's SDK is half a cold start of its own.
  const { Tracer } = await import('@aws-lambda-powertools/tracer');
  const tracer = new Tracer({ serviceName: service });
  if (!tracer.isTracingEnabled()) return noTracing;
  return {
    trace: (name, work) =>
      tracer.provider.captureAsyncFunc(name, async (segment) => {
        try {
          tracer.annotateColdStart();
          tracer.addServiceNameAnnotation();
          return await work();
        } catch (error) {
          tracer.addErrorAsMetadata(error as Error);
          throw error;
        } finally {
          // A sandbox may be frozen for good once it has answered: the segment goes out before.
          segment?.close();
        }
      }) as ReturnType<typeof work>,
  };
}
