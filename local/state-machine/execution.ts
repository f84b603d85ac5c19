import { Bookmark } from './bookmark.ts';
import type { Clock } from './clock.ts';
import type { Emit } from './events.ts';
import type { Bindings } from './expression.ts';
import { stepFunctionsFunctions } from './functions.ts';
import { History } from './history.ts';
import type { Json, JsonObject } from './json.ts';
import type { MapRun } from './map-run.ts';

/** ARNs have AWS's form; region and account are of this machine. */
const ARN = 'arn:aws:states:local:000000000000';
export const STATE_MACHINE = 'chroma-to-pgvector';

export interface ExecutionSettings {
  name: string;
  input: Json;
  clock: Clock;
  emit: Emit;
  /** Label of the Distributed Map whose child it is. */
  label?: string;
}

/** One run of a workflow with its own history: the state machine's, or a child's of a Distributed Map. */
export class Execution {
  readonly name: string;
  readonly arn: string;
  readonly stateMachineArn: string;
  readonly input: Json;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly startedAt: number;
  readonly history = new History();
  readonly bookmark = new Bookmark();
  /** In the order in which they were started. */
  readonly mapRuns: MapRun[] = [];
  readonly functions: Bindings;
  #redrives = 0;

  constructor(settings: ExecutionSettings) {
    const machine = settings.label ? `${STATE_MACHINE}/${settings.label}` : STATE_MACHINE;
    this.name = settings.name;
    this.arn = `${ARN}:execution:${machine}:${settings.name}`;
    this.stateMachineArn = `${ARN}:stateMachine:${machine}`;
    this.input = settings.input;
    this.clock = settings.clock;
    this.emit = settings.emit;
    this.startedAt = settings.clock.now();
    this.functions = stepFunctionsFunctions(() => settings.clock.random());
    this.history.record('ExecutionStarted');
  }

  get redriveCount(): number {
    return this.#redrives;
  }

  /** It goes on with what did not succeed, under the same name and with the same history. */
  redrive(): void {
    this.#redrives++;
    this.history.record('ExecutionRedriven');
  }

  mapRunArn(label: string, id: string): string {
    return `${ARN}:mapRun:${STATE_MACHINE}/${label}:${id}`;
  }

  /** The part of the context object that is the same for all states. */
  context(): JsonObject {
    return {
      Execution: {
        Id: this.arn,
        Input: this.input,
        Name: this.name,
        RoleArn: 'arn:aws:iam::000000000000:role/local',
        StartTime: new Date(this.startedAt).toISOString(),
        RedriveCount: this.#redrives,
      },
      StateMachine: { Id: this.stateMachineArn, Name: STATE_MACHINE },
    };
  }
}
