import { jobWorkflow } from '#platform/workflows/temporal/workflow.ts';
import { SAMPLE_JOBS } from './sample-jobs.ts';

// biome-ignore lint/style/noDefaultExport: what Temporal runs for every workflow type without an export of its name
export default jobWorkflow(SAMPLE_JOBS);
