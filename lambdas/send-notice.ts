import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { noticeOf } from './notice.ts';
import { noticePlaces, noticesTopic } from './runtime.ts';

const sns = new SNSClient();

/** Tells how an execution ended. EventBridge could not: the run's name lies in a text of JSON, the execution's input. */
export const handler = async (event: unknown): Promise<void> => {
  await sns.send(new PublishCommand({ TopicArn: noticesTopic(), Message: noticeOf(event, noticePlaces()) }));
};
