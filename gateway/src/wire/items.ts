/** Items that a client creates, as the conversation keeps them. */
import type { ContentPart, ConversationItem, ItemInput, MessageItemInput } from "@aloud/client/protocol";
import { newId } from "./ids.ts";

export function clientItem(input: ItemInput): ConversationItem {
  const base = { id: input.id ?? newId("item"), object: "realtime.item", status: "completed" } as const;
  switch (input.type) {
    case "message": {
      const { role } = input;
      return { ...base, type: "message", role, content: input.content.map((part) => contentOf(part, role)) };
    }
    case "function_call":
      return { ...base, type: "function_call", call_id: input.call_id ?? newId("call"), name: input.name, arguments: input.arguments };
    case "function_call_output":
      return { ...base, type: "function_call_output", call_id: input.call_id, output: input.output };
  }
}

function contentOf(part: MessageItemInput["content"][number], role: MessageItemInput["role"]): ContentPart {
  if (part.type === "input_audio") return { type: "input_audio", transcript: part.transcript ?? null };
  const text = part.type === "output_audio" ? part.transcript : part.text;
  return { type: role === "assistant" ? "output_text" : "input_text", text };
}

/** Audio that came within an item, base64 in the session's input format. */
export function audioOf(input: ItemInput): string[] {
  if (input.type !== "message") return [];
  return input.content.flatMap((part) => (part.type === "input_audio" && part.audio != null ? [part.audio] : []));
}
