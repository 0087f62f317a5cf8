import { jobWorkflow } from '#platform/workflows/temporal/workflow.ts';
import { SAMPLE_JOBS } from './sample-jobs.ts';

export default jobWorkflow(SAMPLE_JOBS);
