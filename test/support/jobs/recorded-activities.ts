import type { SampleActivities } from './sample-jobs.ts';

/** Activities of the sample jobs that record their calls and fail as told. */
export interface RecordedActivities extends SampleActivities {
  /** `run/name` of each call that was begun, in order. */
  readonly calls: string[];
  /** What the next calls of a step do before the ones after them succeed. Keyed by `run/name`. */
  failNext(step: string, ...errors: Error[]): void;
  /** Lets calls of the step wait until the answered function is called. */
  hold(step: string): () => void;
}

export function recordedActivities(): RecordedActivities {
  const calls: string[] = [];
  const failures = new Map<string, Error[]>();
  const gates = new Map<string, Promise<void>>();
  return {
    calls,
    failNext: (step, ...errors) => {
      failures.set(step, [...(failures.get(step) ?? []), ...errors]);
    },
    hold(step) {
      const gate = Promise.withResolvers<void>();
      gates.set(step, gate.promise);
      return () => {
        gates.delete(step);
        gate.resolve();
      };
    },
    async step({ run, name }) {
      const step = `${run}/${name}`;
      calls.push(step);
      await gates.get(step);
      const failure = failures.get(step)?.shift();
      if (failure) throw failure;
      return { done: name };
    },
  };
}
