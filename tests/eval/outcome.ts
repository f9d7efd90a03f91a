/** One answered turn, and what can be said of it. Pure. */
import type { Clip } from "./clips.ts";
import type { Budget } from "./jobs.ts";
import type { Result } from "./run.ts";
import { nameOf, plannedCall, sameCall, type WordErrors, wordErrors } from "./score.ts";

export interface Outcome {
  readonly clip: Clip;
  readonly budget: Budget;
  readonly result: Result;
}

/** Texts of any content: to be declined, or repeated. */
const OPEN = new Set(["open", "repeat"]);

export const isInDomain = ({ clip }: Outcome) => !OPEN.has(clip.intent);

/** Exactly the answer that was due, and where the app has the tool, exactly its call before. */
export function isRight(outcome: Outcome): boolean {
  const { clip, result } = outcome;
  const given = clip.result === null ? result.answer : result.afterTool;
  return (clip.result === null || callIsRight(outcome)) && given?.trim() === clip.answer?.trim();
}

export function callIsRight({ clip, result: { toolCall } }: Outcome): boolean {
  return toolCall !== undefined && sameCall(clip.call, toolCall.name, toolCall.arguments);
}

/** The call that the thought plans is the one that was due. */
export const plansRightly = ({ clip, result }: Outcome) => plannedCall(result.semantic) === clip.call;

/** Says that it cannot help, whatever it understood. */
export const isDeclined = ({ result }: Outcome) => /can't help with that\.$/.test(result.answer.trim());

/** What the thought quotes. */
export function quoted({ result }: Outcome): string {
  return /"(.*?)"/.exec(result.semantic)?.[1] ?? "";
}

export const finalErrors = (outcome: Outcome): WordErrors => wordErrors(outcome.clip.text, quoted(outcome));
export const liveErrors = ({ clip, result }: Outcome): WordErrors => wordErrors(clip.text, result.live ?? "");

/** Carries out something, though nobody may have asked for it. */
export function isCommand({ result }: Outcome, actions: ReadonlySet<string>): boolean {
  const planned = plannedCall(result.semantic);
  return result.toolCall !== undefined || (planned !== undefined && actions.has(nameOf(planned)));
}
