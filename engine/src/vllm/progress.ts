/** What of an answer is there already, and how it is put behind the prompt so that the model goes on from it. Pure. */
import type { GenerateRequest } from "../engine.ts";
import type { VllmProfile } from "./profiles.ts";

export interface Progress {
  readonly thought: string;
  readonly isThinking: boolean;
  readonly answer: string;
}

/** Nothing of the answer is there yet. */
export function startOf({ thinking }: VllmProfile, mode: GenerateRequest["mode"]): Progress {
  return { thought: "", isThinking: thinking !== undefined && mode === "think", answer: "" };
}

/** The text with which the assistant's message begins; undefined where nothing is to be put before the model's words. */
export function prefillOf({ thinking }: VllmProfile, { thought, isThinking, answer }: Progress): string | undefined {
  if (thinking === undefined) return answer === "" ? undefined : answer;
  if (isThinking) return thinking.open + thought;
  return thinking.open + thought.trimEnd() + thinking.closing + answer;
}
