import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import { expect, test, vi } from 'vitest';
import { customResource, type ResourceWork } from './custom-resource.ts';

async function answerTo(
  RequestType: 'Create' | 'Update' | 'Delete',
  work: ResourceWork,
): Promise<{ url: string; body: Record<string, unknown> }> {
  const answers: { url: string; body: Record<string, unknown> }[] = [];
  const handler = customResource('the-id', work, async (url, body) => {
    answers.push({ url, body: JSON.parse(body) as Record<string, unknown> });
  });
  await handler({
    RequestType,
    ResponseURL: 'https://answer.example/put',
    StackId: 's',
    RequestId: 'r',
    LogicalResourceId: 'l',
    ResourceType: 'Custom::X',
    ServiceToken: 'arn',
    ResourceProperties: { ServiceToken: 'arn', size: '3' },
    PhysicalResourceId: 'the-id',
    OldResourceProperties: {},
  } as unknown as CloudFormationCustomResourceEvent);
  expect(answers).toHaveLength(1);
  return answers[0] as { url: string; body: Record<string, unknown> };
}

test.each(['Create', 'Update'] as const)('%s does the work and hands its attributes on', async (type) => {
  const { url, body } = await answerTo(type, async ({ size }) => ({ Size: String(size) }));
  expect(url).toBe('https://answer.example/put');
  expect(body).toEqual({
    StackId: 's',
    RequestId: 'r',
    LogicalResourceId: 'l',
    PhysicalResourceId: 'the-id',
    Status: 'SUCCESS',
    Data: { Size: '3' },
  });
});

test('Delete succeeds without the work', async () => {
  const work = vi.fn<ResourceWork>();
  expect((await answerTo('Delete', work)).body.Status).toBe('SUCCESS');
  expect(work).not.toHaveBeenCalled();
});

test('a failure is told, with its reason cut to what CloudFormation takes', async () => {
  const silenced = vi.spyOn(console, 'error').mockImplementation(() => {});
  const { body } = await answerTo('Create', async () => {
    throw new Error('x'.repeat(5000));
  });
  expect(body).toMatchObject({ Status: 'FAILED', Reason: 'x'.repeat(1000) });
  expect(silenced).toHaveBeenCalledOnce();
  silenced.mockRestore();
});
