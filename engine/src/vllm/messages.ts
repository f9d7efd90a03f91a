/** A conversation as the server is told it: OpenAI's chat messages. Pure. */
import type { HistoryItem, Tool } from "../engine.ts";
import type { AudioPart } from "./audio-parts.ts";
import { plainText } from "./plain-text.ts";

export type ContentPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "input_audio"; readonly input_audio: { readonly data: string; readonly format: "wav" } };

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | readonly ContentPart[];
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly type: "function";
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly tool_call_id?: string;
}

/** One thing that was said, in the order in which it was. */
export type Said = HistoryItem | { readonly type: "spoken"; readonly parts: readonly AudioPart[] };

export const textPart = (text: string): ContentPart => ({ type: "text", text: plainText(text) });
export const audioPart = ({ data }: AudioPart): ContentPart => ({ type: "input_audio", input_audio: { data, format: "wav" } });

/**
 * Words and audio of one turn are one message. Results answer the calls before them in order; one without a call is told as what the user's app
 * says, because servers refuse it as a result.
 */
export function toMessages(said: readonly Said[], firstCall = 0): ChatMessage[] {
  const messages: ChatMessage[] = [];
  const unanswered: string[] = [];
  let calls = firstCall;
  for (const item of said) {
    if (item.type === "spoken") joinUser(messages, item.parts.map(audioPart));
    else if (item.type === "tool_call") {
      const id = `call_${calls++}`;
      unanswered.push(id);
      const call = { id, type: "function", function: { name: item.name, arguments: item.arguments } } as const;
      const last = messages.at(-1);
      if (last?.role === "assistant") messages[messages.length - 1] = { ...last, tool_calls: [...(last.tool_calls ?? []), call] };
      else messages.push({ role: "assistant", content: "", tool_calls: [call] });
    } else if (item.role === "user") joinUser(messages, [textPart(item.text)]);
    else if (item.role === "tool") {
      const id = unanswered.shift();
      if (id === undefined) joinUser(messages, [textPart(`(tool result) ${item.text}`)]);
      else messages.push({ role: "tool", content: plainText(item.text), tool_call_id: id });
    } else messages.push({ role: item.role, content: plainText(item.text) });
  }
  return messages;
}

function joinUser(messages: ChatMessage[], parts: readonly ContentPart[]): void {
  const last = messages.at(-1);
  if (last?.role === "user" && typeof last.content !== "string") {
    messages[messages.length - 1] = { role: "user", content: [...last.content, ...parts] };
  } else messages.push({ role: "user", content: parts });
}

export function toTools(tools: readonly Tool[]) {
  return tools.map(({ name, description, parameters }) => ({
    type: "function" as const,
    function: {
      name,
      ...(description !== undefined && { description }),
      parameters: parameters ?? { type: "object", properties: {} },
    },
  }));
}
