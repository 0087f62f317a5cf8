import { mutantIngest, runMutantApi } from './api.ts';

const EVERY = 4;

let appends = 0;

// Some requests are refused after a part of them is in the log, and another attempt cannot know.
runMutantApi((app) => ({
  ingest: mutantIngest(app, (log) => ({
    eventLog: {
      partitionCount: (topic) => log.partitionCount(topic),
      async append(topic, records) {
        appends += records.length > 1 ? 1 : 0;
        if (records.length === 1 || appends % EVERY !== 0) return log.append(topic, records);
        await log.append(topic, records.slice(0, 1));
        throw new Error('only the first record is in the log');
      },
    },
    overflow: {
      put: async () => {
        throw new Error('there is no overflow');
      },
    },
  })),
}));
