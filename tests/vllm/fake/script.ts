/** What the fake's model says: the recorded model's words, with one that depends on the whole prompt, so that mixed-up answers would show. */
import type { Prompt, Request } from "./prompt.ts";

/** One token: where it belongs is the splitter's business, as with a real model. */
export interface Script {
  readonly thought: readonly string[];
  readonly answer: readonly string[];
  /** `</think>`, in as many tokens as the model has for it. */
  readonly close: readonly string[];
  readonly call?: { readonly name: string; readonly arguments: readonly string[] };
}

export type MakeScript = (prompt: Prompt, request: Request) => Omit<Script, "close">;

export const RECORDED_THOUGHT =
  "The| speaker| sounds| calm| and| asks| about| tomorrow|.| Pitch| falls| at| the| end|,| so| it| is| a| real| question|;| I| will| answer| briefly".split(
    "|",
  );
export const RECORDED_ANSWER = "Sure|!| Tomorrow| looks| fine|,\u200b| with| some| light| wind| near| noon".split("|");

export const recordedScript: MakeScript = () => ({ thought: RECORDED_THOUGHT, answer: RECORDED_ANSWER });

export const ownScript: MakeScript = (prompt, { tools, tool_choice }) => {
  const word = ` ${prompt.fingerprint.slice(0, 6)}`;
  const thought = RECORDED_THOUGHT.map((token) => (token === " tomorrow" ? word : token));
  const name = tools?.[0]?.function.name;
  if (name !== undefined && tool_choice !== "none" && prompt.lastText.includes("light")) {
    return { thought, answer: [], call: { name, arguments: ['{"on": ', "true}"] } };
  }
  return { thought, answer: RECORDED_ANSWER.map((token) => (token === " Tomorrow" ? word : token)) };
};

export type Output =
  | { readonly type: "thought" | "close" | "answer" | "arguments"; readonly text: string }
  | { readonly type: "call"; readonly name: string };

/** What is still to come behind the prefill. `\n\n` is the first token of an answer. */
export function remaining({ thought, answer, close, call }: Script, prefill: string): Output[] {
  const called: Output[] =
    call === undefined ? [] : [{ type: "call", name: call.name }, ...call.arguments.map((text) => ({ type: "arguments", text }) as const)];
  const words = (texts: readonly string[]) => texts.map((text) => ({ type: "answer", text }) as const);
  const closed = close.join("");
  const at = prefill.indexOf(closed);
  if (prefill.startsWith("<think>") && at < 0) {
    const rest = after(thought, prefill.replace(/^<think>\n/u, ""));
    return [
      ...rest.map((text) => ({ type: "thought", text }) as const),
      ...close.map((text) => ({ type: "close", text }) as const),
      { type: "answer", text: "\n\n" },
      ...words(answer),
      ...called,
    ];
  }
  const said = prefill.slice(at < 0 ? 0 : at + closed.length).trimStart();
  return [...words(said === "" ? answer : after(answer, said)), ...called];
}

function after(tokens: readonly string[], said: string): readonly string[] {
  let text = "";
  for (let n = 0; n <= tokens.length; n += 1) {
    if (text.trim() === said.trim()) return tokens.slice(n);
    text += tokens[n] ?? "";
  }
  return tokens;
}
