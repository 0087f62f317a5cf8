import type { CloudFormationCustomResourceEvent } from 'aws-lambda';

export type ResourceProperties = Readonly<Record<string, unknown>>;
/** Creates or updates the resource and returns its attributes for `Fn::GetAtt`. */
export type ResourceWork = (properties: ResourceProperties) => Promise<Readonly<Record<string, string>>>;
/** Tells CloudFormation the outcome by PUT to a presigned URL. */
export type Answer = (url: string, body: string) => Promise<void>;

/**
 * A Lambda handler behind a CloudFormation custom resource: runs the work on create and update, has nothing to undo on delete.
 * Whatever happens CloudFormation is told, since it waits for up to an hour otherwise.
 */
export function customResource(physicalId: string, work: ResourceWork, answer: Answer = put) {
  return async (event: CloudFormationCustomResourceEvent): Promise<void> => {
    const outcome = event.RequestType === 'Delete' ? { Status: 'SUCCESS' } : await attempt(() => work(event.ResourceProperties));
    await answer(
      event.ResponseURL,
      JSON.stringify({
        StackId: event.StackId,
        RequestId: event.RequestId,
        LogicalResourceId: event.LogicalResourceId,
        PhysicalResourceId: physicalId,
        ...outcome,
      }),
    );
  };
}

async function attempt(work: () => Promise<Readonly<Record<string, string>>>) {
  try {
    return { Status: 'SUCCESS', Data: await work() };
  } catch (error) {
    console.error(error);
    // CloudFormation refuses an answer over 4 KB.
    return { Status: 'FAILED', Reason: (error as Error).message.slice(0, 1000) };
  }
}

async function put(url: string, body: string): Promise<void> {
  // The URL is signed for an empty content type.
  const response = await fetch(url, { method: 'PUT', body, headers: { 'content-type': '' } });
  if (!response.ok) throw new Error(`CloudFormation did not take the answer: ${response.status}`);
}
