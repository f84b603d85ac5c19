/** Loaded before a function (`node --import`): its clock jumps by CLOCK_JUMP_BY ms after CLOCK_JUMP_AFTER ms. */
const [after, by] = [Number(process.env.CLOCK_JUMP_AFTER), Number(process.env.CLOCK_JUMP_BY)];
const RealDate = Date;
const now = () => RealDate.now() + (performance.now() > after ? by : 0);

globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(now());
    else super(...(args as [number]));
  }
  static override now(): number {
    return now();
  }
} as DateConstructor;
