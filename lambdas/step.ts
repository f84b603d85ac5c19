import { logger, openMetrics, takeChromaAnswers, tracer } from './runtime.ts';

/** What an invocation is about; what its event does not say is left out. */
export interface About {
  run?: string;
  /** The collection, by the name that the rest of the run has for it. */
  schema?: string;
  /** The same by Chroma's name. */
  collection?: string;
  shard?: number;
}

/** Of any step's event. That of the plan names the run only where its input does: else the execution names it. */
export function aboutOf(event: unknown): About {
  if (typeof event !== 'object' || event === null) return {};
  const { run, execution, input, schema, collection, number } = event as Record<string, unknown>;
  const named = (input as { run?: unknown } | null | undefined)?.run;
  const about = { run: run ?? named ?? execution, schema, collection, shard: number };
  return Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined));
}

type LambdaContext = Parameters<typeof logger.addContext>[0];

/**
 * A function's handler: each of its lines, its trace and its figures say of which run, collection and shard they are.
 * @param tell of an event that is not a step's
 */
export const step =
  <Input, Output>(
    work: (event: Input) => Promise<Output>,
    tell: (event: Input) => About = aboutOf,
  ): ((event: Input, context?: LambdaContext) => Promise<Output>) =>
  async (event, context) => {
    let about: About = {};
    logger.resetKeys();
    if (context) logger.addContext(context);
    try {
      about = tell(event);
      logger.appendKeys({ ...about });
      return await traced(about, () => work(event));
    } catch (error) {
      // Lambda writes the error too, and not of which shard.
      const { name, message } = error as Error;
      logger.error(message, { error: name });
      throw error;
    } finally {
      await publishAnswers(about);
    }
  };

/** Does the work in a segment of its own, by whose annotations X-Ray finds it. */
async function traced<Output>(about: About, work: () => Promise<Output>): Promise<Output> {
  const lambda = tracer?.getSegment();
  if (!tracer || !lambda) return work();
  const segment = lambda.addNewSubsegment('step');
  tracer.setSegment(segment);
  tracer.annotateColdStart();
  for (const [key, value] of Object.entries(about)) tracer.putAnnotation(key, value);
  try {
    return await work();
  } catch (error) {
    tracer.addErrorAsMetadata(error as Error);
    throw error;
  } finally {
    segment.close();
    tracer.setSegment(lambda);
  }
}

/** CloudWatch takes so many values in a line. */
const VALUES_A_LINE = 100;

async function publishAnswers(about: About): Promise<void> {
  const answers = takeChromaAnswers();
  const metrics = answers.length > 0 ? await openMetrics() : null;
  if (!metrics) return;
  for (let at = 0; at < answers.length; at += VALUES_A_LINE) {
    for (const [key, value] of Object.entries(about)) metrics.addMetadata(key, String(value));
    for (const milliseconds of answers.slice(at, at + VALUES_A_LINE))
      metrics.addMetric('ChromaAnswer', 'Milliseconds', milliseconds);
    metrics.publishStoredMetrics();
  }
}
