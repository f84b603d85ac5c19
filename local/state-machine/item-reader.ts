import type { ShardStore } from '../../src/store/store.ts';
import { readBucket } from './bucket.ts';
import { ItemReaderFailed } from './errors.ts';
import { Template } from './expression.ts';
import type { Fields } from './fields.ts';
import { isObject, type Json } from './json.ts';
import type { StateContext } from './states/state.ts';
import type { Visit } from './visit.ts';

/** The plan's step makes the lists again, or says why it cannot. */
const GO_ON = 'go on with the same --run';

const RESOURCE = 'arn:aws:states:::s3:getObject';

/** The ItemReader of a Distributed Map, for a JSON file that holds a list. */
export class ItemReader {
  readonly #store: ShardStore | undefined;
  readonly #arguments: Template;

  constructor(fields: Fields, context: StateContext) {
    const resource = fields.string('Resource');
    if (resource !== RESOURCE) fields.refuse('Resource', `must be ${RESOURCE}, not '${resource}'`);
    const config = fields.object('ReaderConfig');
    const type = config.string('InputType');
    if (type !== 'JSON') config.refuse('InputType', `must be JSON, not '${type}'`);
    config.end();
    const args = fields.object('Arguments');
    this.#store = readBucket(args, context.buckets);
    if (args.json('Key') === undefined) args.refuse('Key', 'is missing');
    args.end();
    this.#arguments = Template.read(fields.json('Arguments') ?? {}, `${fields.where}, Arguments`, context);
    fields.end();
  }

  /** @throws ItemReaderFailed */
  async read(visit: Visit): Promise<Json[]> {
    const args = await this.#arguments.evaluate(visit.bindings());
    const key = isObject(args) ? args.Key : undefined;
    if (typeof key !== 'string')
      throw new ItemReaderFailed(`The Key must be a string, not ${JSON.stringify(key)}.`);
    const text = await this.#readText(key);
    let items: unknown;
    try {
      items = JSON.parse(text);
    } catch (error) {
      throw new ItemReaderFailed(`The store's ${key} is no JSON (${(error as Error).message}): ${GO_ON}.`);
    }
    if (!Array.isArray(items))
      throw new ItemReaderFailed(`The store's ${key} holds no JSON array: ${GO_ON}.`);
    return items;
  }

  async #readText(key: string): Promise<string> {
    let text: string | null;
    try {
      text = await (this.#store as ShardStore).readText(key);
    } catch (error) {
      throw new ItemReaderFailed(
        `The store's ${key} could not be read (${(error as Error).message.replace(/\.$/, '')}): ${GO_ON}.`,
      );
    }
    if (text === null) throw new ItemReaderFailed(`The store has no ${key}: ${GO_ON}.`);
    return text;
  }
}
