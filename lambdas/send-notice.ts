import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { aboutExecutionEnd } from './execution-end.ts';
import { noticeOf } from './notice.ts';
import { log, noticePlaces, noticesTopic } from './runtime.ts';
import { step } from './step.ts';

const sns = new SNSClient();

/** Tells how an execution ended. EventBridge could not: the run's name lies in a text of JSON, the execution's input. */
export const handler = step(async (event: unknown): Promise<void> => {
  await sns.send(new PublishCommand({ TopicArn: noticesTopic(), Message: noticeOf(event, noticePlaces()) }));
  log.info('notice sent');
}, aboutExecutionEnd);
