import { Iterations } from '../bookmark.ts';
import { runConcurrently } from '../concurrency.ts';
import { StateFailure } from '../errors.ts';
import type { Template } from '../expression.ts';
import type { Fields } from '../fields.ts';
import type { Json } from '../json.ts';
import { checkPayload } from '../limits.ts';
import { readTemplate } from '../outcome.ts';
import type { Visit } from '../visit.ts';
import type { Workflow } from '../workflow.ts';
import { FallibleState } from './fallible-state.ts';
import type { StateContext } from './state.ts';

/** Branches side by side in the same execution; the first that fails stops the others and fails the state. */
export class ParallelState extends FallibleState {
  readonly type = 'Parallel';
  readonly #arguments: Template | null;
  readonly #branches: readonly Workflow[];

  constructor(name: string, fields: Fields, context: StateContext) {
    super(name, fields, context);
    this.#arguments = readTemplate(fields, 'Arguments', context);
    const branches = fields.list('Branches');
    if (branches.length === 0) fields.refuse('Branches', 'must hold a branch');
    this.#branches = branches.map((branch) => {
      const workflow = context.readWorkflow(branch, 'inline');
      branch.end();
      return workflow;
    });
  }

  protected async attempt(visit: Visit): Promise<Json> {
    const { history } = visit.execution;
    const input = (await this.#arguments?.evaluate(visit.bindings())) ?? visit.input;
    checkPayload("The branches' input", input);
    const { length } = this.#branches;
    const { begun } = visit.bookmark;
    const branches = begun instanceof Iterations ? begun : new Iterations(length);
    visit.bookmark.begun = branches;
    const { results } = branches;
    history.record('ParallelStateStarted');
    try {
      await runConcurrently(length, length, visit.signal, (index, signal) => {
        const path = [...visit.path, String(index)];
        const branch = this.#branches[index] as Workflow;
        return branches.do(index, (bookmark) =>
          branch.run(input, visit.variables, { ...visit.surroundings, path, signal, bookmark }),
        );
      });
      checkPayload("The branches' results", results);
    } catch (error) {
      if (error instanceof StateFailure) history.record('ParallelStateFailed');
      throw error;
    }
    history.record('ParallelStateSucceeded');
    return results;
  }
}
