import { ExceedToleratedFailureThreshold, StateFailure } from '../errors.ts';
import type { Fields } from '../fields.ts';
import { ItemReader } from '../item-reader.ts';
import type { Json } from '../json.ts';
import { checkPayload, DISTRIBUTED_CONCURRENCY, LABEL_LENGTH } from '../limits.ts';
import { MapRun } from '../map-run.ts';
import { NumberTemplate } from '../numbers.ts';
import { ResultWriter } from '../result-writer.ts';
import type { Visit } from '../visit.ts';
import type { Workflow } from '../workflow.ts';
import { FallibleState } from './fallible-state.ts';
import { MapItems } from './map-items.ts';
import type { StateContext } from './state.ts';

/** A child execution an item, each with its own history and variables: a Map Run. */
export class DistributedMapState extends FallibleState {
  readonly type = 'Map';
  readonly #items: MapItems;
  readonly #reader: ItemReader | null;
  readonly #writer: ResultWriter | null;
  readonly #label: string;
  readonly #toleratedCount: NumberTemplate | null;
  readonly #toleratedPercentage: NumberTemplate | null;
  readonly #child: Workflow;

  constructor(name: string, fields: Fields, context: StateContext, child: Workflow) {
    super(name, fields, context);
    this.#child = child;
    this.#items = new MapItems(fields, context);
    if (fields.has('Items') && fields.has('ItemReader'))
      fields.refuse('Items', 'cannot stand beside ItemReader');
    this.#reader = fields.has('ItemReader') ? new ItemReader(fields.object('ItemReader'), context) : null;
    this.#writer = fields.has('ResultWriter')
      ? new ResultWriter(fields.object('ResultWriter'), context)
      : null;
    this.#label = readLabel(name, fields, context);
    const counts = { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true };
    this.#toleratedCount = NumberTemplate.read(fields, 'ToleratedFailureCount', context, counts);
    const shares = { min: 0, max: 100, whole: false };
    this.#toleratedPercentage = NumberTemplate.read(fields, 'ToleratedFailurePercentage', context, shares);
  }

  protected async attempt(visit: Visit): Promise<Json> {
    const { execution, state } = visit;
    const { begun } = visit.bookmark;
    if (begun instanceof MapRun) return this.#redrive(visit, begun);
    const bindings = visit.bindings();
    execution.history.record('MapStateStarted');
    const items = this.#reader ? await this.#reader.read(visit) : await this.#items.list(visit);
    const run = new MapRun({
      visit,
      label: this.#label,
      items,
      child: this.#child,
      concurrency: await this.#items.concurrency(visit, DISTRIBUTED_CONCURRENCY),
      tolerated: {
        count: (await this.#toleratedCount?.evaluate(bindings)) ?? null,
        percentage: (await this.#toleratedPercentage?.evaluate(bindings)) ?? null,
      },
      childInput: (index, value) => this.#items.childInput(visit, index, value),
    });
    execution.mapRuns.push(run);
    visit.bookmark.begun = run;
    execution.history.record('MapRunStarted');
    execution.emit({ type: 'map-run-started', state, items: items.length, mapRun: run.arn });
    return this.#finish(visit, async () => run.run((await this.#writer?.open(visit, run.arn)) ?? null));
  }

  /** The same Map Run goes on with the children that did not succeed. */
  #redrive(visit: Visit, run: MapRun): Promise<Json> {
    visit.execution.history.record('MapRunRedriven');
    return this.#finish(visit, () => run.redrive(visit));
  }

  async #finish(visit: Visit, children: () => Promise<Json>): Promise<Json> {
    const { history } = visit.execution;
    try {
      const result = await children();
      checkPayload("The children's results", result);
      history.record('MapRunSucceeded');
      history.record('MapStateSucceeded');
      return result;
    } catch (error) {
      if (error instanceof StateFailure) {
        history.record('MapRunFailed');
        history.record('MapStateFailed');
        // Only children make a Map Run go on; after any other failure a redrive begins another.
        if (!(error instanceof ExceedToleratedFailureThreshold)) visit.bookmark.begun = null;
      }
      throw error;
    }
  }
}

/** Label, part of the children's ARNs; AWS makes one up where there is none. */
function readLabel(name: string, fields: Fields, context: StateContext): string {
  const label = fields.optionalString('Label') ?? name.replaceAll(/[^\w-]/g, '').slice(0, LABEL_LENGTH);
  if (label.length > LABEL_LENGTH || !/^[\w-]+$/.test(label))
    fields.refuse(
      'Label',
      `must be 1 to ${LABEL_LENGTH} letters, digits, dashes and underscores, not '${label}'`,
    );
  if (context.labels.has(label)) fields.refuse('Label', `is that of another Map: '${label}'`);
  context.labels.add(label);
  return label;
}
