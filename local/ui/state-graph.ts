import { isObject, type Json } from '../state-machine/json.ts';

export interface GraphNode {
  name: string;
  /** Names of the states of a map's children, in their order. */
  children: string[];
  /** From 0 at the start downwards. */
  row: number;
  /** Place in its row, from 0, of `columns`. */
  column: number;
  columns: number;
}

export interface Graph {
  nodes: GraphNode[];
  edges: { from: string; to: string; back: boolean }[];
}

/** The top-level states of a definition, laid out in rows: each below all that lead to it, loops left aside. */
export function stateGraph(definition: Json): Graph {
  const { StartAt, States } = definition as { StartAt: string; States: Record<string, Record<string, Json>> };
  const edges: Graph['edges'] = [];
  const rows = new Map<string, number>([[StartAt, 0]]);
  const order = topological(StartAt, (name) => successors(States[name]!));
  const place = new Map(order.map((name, index) => [name, index]));
  for (const name of order)
    for (const to of successors(States[name]!)) {
      const back = place.get(to)! <= place.get(name)!;
      edges.push({ from: name, to, back });
      if (!back) rows.set(to, Math.max(rows.get(to) ?? 0, rows.get(name)! + 1));
    }
  const inRow = Map.groupBy(order, (name) => rows.get(name)!);
  const nodes = [...inRow].flatMap(([row, names]) =>
    names.map((name, column) => ({
      ...{ name, row, column, columns: names.length },
      children: childStates(States[name]!),
    })),
  );
  return { nodes, edges };
}

function successors(state: Record<string, Json>): string[] {
  const choices = (Array.isArray(state.Choices) ? state.Choices : []).map(
    (choice) => isObject(choice) && choice.Next,
  );
  return [...new Set([state.Next, state.Default, ...choices].filter((name) => typeof name === 'string'))];
}

/** Depth first and backwards: a state comes before all that it leads to, but for loops. */
function topological(start: string, next: (name: string) => string[]): string[] {
  const seen = new Set<string>();
  const order: string[] = [];
  const visit = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const to of next(name)) visit(to);
    order.unshift(name);
  };
  visit(start);
  return order;
}

function childStates(state: Record<string, Json>): string[] {
  const processor = state.ItemProcessor;
  if (state.Type !== 'Map' || !isObject(processor) || !isObject(processor.States)) return [];
  const { StartAt, States } = processor as unknown as {
    StartAt: string;
    States: Record<string, Record<string, Json>>;
  };
  return topological(StartAt, (name) => successors(States[name]!)).filter(
    (name) => States[name]!.Type === 'Task',
  );
}
