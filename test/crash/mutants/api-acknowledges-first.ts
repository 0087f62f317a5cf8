import { mutantIngest, runMutantApi } from './api.ts';

const LATER_MS = 300;

// 202 before the log has the events: what is in hand when the process dies was acknowledged and is nowhere.
runMutantApi((app) => ({
  ingest: mutantIngest(app, (log) => ({
    eventLog: {
      partitionCount: (topic) => log.partitionCount(topic),
      append: async (topic, records) => {
        setTimeout(() => void log.append(topic, records).catch(() => undefined), LATER_MS);
      },
    },
  })),
}));
