import { DescribeManagedPrefixListsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { answerCloudFormation, type CustomResourceEvent } from './custom-resource.ts';
import { step } from './step.ts';

/** Finds the list of a service's addresses in this region, so that a security group can name it: `pl-…`. */
export const handler = step(
  (event: CustomResourceEvent): Promise<void> =>
    answerCloudFormation(event, async ({ ResourceProperties }) => {
      const name = String(ResourceProperties.PrefixListName);
      const { PrefixLists } = await new EC2Client().send(
        new DescribeManagedPrefixListsCommand({ Filters: [{ Name: 'prefix-list-name', Values: [name] }] }),
      );
      const id = PrefixLists?.[0]?.PrefixListId;
      if (!id) throw new Error(`This region has no prefix list ${name}: its S3 gateway endpoint is missing.`);
      return { id };
    }),
);
