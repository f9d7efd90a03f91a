/** Small pieces that every part of the reducer uses. */
import type { Command, Draft, Pausing, Step, Turn } from "./turn.ts";

export const NO_DRAFT: Draft = { state: "none" };

export function step(turn: Turn, ...commands: Command[]): Step {
  return { turn, commands };
}

/** The floor is free. */
export function idle({ turnId, generation }: Turn): Turn {
  return { phase: "idle", turnId, generation };
}

/** Takes the draft back, if there is one. */
export function retraction({ turnId, draft }: Pausing): Command[] {
  return draft.state === "none" ? [] : [{ do: "retract", turnId, generation: draft.generation }];
}

/** Makes the compiler check that nothing was left out. */
export function unreachable(never: never): never {
  throw new Error(`unhandled: ${JSON.stringify(never)}`);
}
