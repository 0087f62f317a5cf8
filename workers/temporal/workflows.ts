import { jobWorkflow } from '#platform/workflows/temporal/workflow.ts';
import { JOBS } from '#app/jobs.ts';

// biome-ignore lint/style/noDefaultExport: what Temporal runs for every workflow type without an export of its name
export default jobWorkflow(JOBS);
