/** Items that a client creates. */
import type { MessageItem, MessageItemInput } from "@aloud/client/protocol";
import { newId } from "./ids.ts";

export function userItem({ id, role, content }: MessageItemInput): MessageItem {
  const type = role === "assistant" ? "output_text" : "input_text";
  return {
    id: id ?? newId("item"),
    object: "realtime.item",
    type: "message",
    status: "completed",
    role,
    content: content.map(({ text }) => ({ type, text })),
  };
}
