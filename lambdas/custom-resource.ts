import { logger } from './runtime.ts';

/** What CloudFormation sends to the function behind a custom resource. */
export interface CustomResourceEvent {
  RequestType: 'Create' | 'Update' | 'Delete';
  ResponseURL: string;
  StackId: string;
  RequestId: string;
  LogicalResourceId: string;
  PhysicalResourceId?: string;
  ResourceProperties: Record<string, unknown>;
}

export interface CustomResourceAnswer {
  /** Another id than before makes CloudFormation delete the resource of the old one. */
  id: string;
  /** Attributes for Fn::GetAtt. Everybody who may look at the stack can read them. */
  data?: Record<string, string>;
}

/** CloudFormation waits for an hour if nobody answers, and refuses an answer of more than 4,096 bytes. */
const LONGEST_REASON = 1000;

/**
 * Acts on creation and update, and tells CloudFormation how it went: it waits at an address for just that, and not
 * for what the function returns. A deletion is answered without acting: what was made for data stays with the data.
 */
export async function answerCloudFormation(
  event: CustomResourceEvent,
  act: (event: CustomResourceEvent) => Promise<CustomResourceAnswer>,
): Promise<void> {
  const { StackId, RequestId, LogicalResourceId, PhysicalResourceId = LogicalResourceId } = event;
  const common = { StackId, RequestId, LogicalResourceId };
  if (event.RequestType === 'Delete')
    return respond(event.ResponseURL, { ...common, Status: 'SUCCESS', PhysicalResourceId });
  try {
    const { id, data } = await act(event);
    await respond(event.ResponseURL, { ...common, Status: 'SUCCESS', PhysicalResourceId: id, Data: data });
  } catch (error) {
    const { name, message } = error as Error;
    const Reason = message.slice(0, LONGEST_REASON);
    // The function has not failed, so nobody else logs it.
    logger.error(Reason, { error: name });
    await respond(event.ResponseURL, { ...common, Status: 'FAILED', PhysicalResourceId, Reason });
  }
}

/** The address is signed without a content type: a body of bytes, unlike one of text, is sent without any. */
async function respond(url: string, answer: Record<string, unknown>): Promise<void> {
  const body = Buffer.from(JSON.stringify(answer));
  const { ok, status } = await fetch(url, { method: 'PUT', body });
  if (!ok)
    throw new Error(`CloudFormation's address answered ${status}: the deployment ends by its time-out.`);
}
