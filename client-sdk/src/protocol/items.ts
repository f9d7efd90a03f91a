/** The items of a conversation: as the server shows them, and as a client may add them. */
import { AloudError } from "./errors.ts";
import { array, nullable, object, oneOf, optional, type Parsed, string, tagged, unsupported } from "./schema.ts";
import { toolName } from "./tools.ts";

/** Typed text of one content part. */
export const MAX_TEXT_LENGTH = 8_192;
/** Arguments of a call, or what a tool gave back. */
export const MAX_CALL_LENGTH = 32_768;
/** Base64 audio of one append or item; the size of a message bounds it in practice (gateway limits). */
export const MAX_AUDIO_BASE64_LENGTH = 15 * 1024 * 1024;
const MAX_ID_LENGTH = 64;
const MAX_PARTS = 16;

export const itemId = string(MAX_ID_LENGTH);

export type ItemStatus = "in_progress" | "completed" | "incomplete";

export type ContentPart =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_audio"; readonly transcript: string | null }
  | { readonly type: "output_text"; readonly text: string };

interface Item {
  readonly id: string;
  readonly object: "realtime.item";
  readonly status: ItemStatus;
}

export interface MessageItem extends Item {
  readonly type: "message";
  readonly role: "user" | "assistant" | "system";
  readonly content: readonly ContentPart[];
}

export interface FunctionCallItem extends Item {
  readonly type: "function_call";
  readonly call_id: string;
  readonly name: string;
  /** JSON; empty while the call is in progress. */
  readonly arguments: string;
}

export interface FunctionCallOutputItem extends Item {
  readonly type: "function_call_output";
  readonly call_id: string;
  readonly output: string;
}

/** Whatever has a place in the conversation. */
export type ConversationItem = MessageItem | FunctionCallItem | FunctionCallOutputItem;

export type ReasoningChannel = "semantic" | "acoustic";

/** One channel's thinking so far. */
export interface ReasoningText {
  readonly channel: ReasoningChannel;
  readonly text: string;
  /** The model thinks in one text, and what of it belongs to this channel was guessed from its words. Absent: the model marked it. */
  readonly heuristic?: true;
}

/** `aloud.v1` only: the model's thinking as an output item. Never a conversation item. */
export interface ReasoningItem extends Item {
  readonly type: "reasoning";
  readonly content: readonly (ReasoningText & { readonly type: "reasoning_text" })[];
}

const textPart = (type: "input_text" | "output_text" | "text") => object({ type: oneOf(type), text: string(MAX_TEXT_LENGTH) });
const inputAudio = object({
  type: oneOf("input_audio"),
  audio: optional(nullable(string(MAX_AUDIO_BASE64_LENGTH))),
  transcript: optional(nullable(string(MAX_TEXT_LENGTH))),
});
/** What an assistant said elsewhere: clients that carry a conversation over from a speaking model send its words like this. */
const outputAudio = object({ type: oneOf("output_audio"), transcript: string(MAX_TEXT_LENGTH) });
const AUDIO_IN = 'audio of the user only; expected "output_text"';
const IMAGES = 'images are not supported; expected "input_text" or "input_audio"';

const messageItem = object({
  id: optional(nullable(itemId)),
  type: oneOf("message"),
  role: oneOf("user", "assistant", "system"),
  content: array(
    tagged(
      "type",
      {
        input_text: textPart("input_text"),
        output_text: textPart("output_text"),
        text: textPart("text"),
        input_audio: inputAudio,
        output_audio: outputAudio,
        input_image: unsupported(IMAGES, "type"),
      },
      "unsupported_value",
    ),
    MAX_PARTS,
  ),
});
export type MessageItemInput = Parsed<typeof messageItem>;

const functionCall = object({
  id: optional(nullable(itemId)),
  type: oneOf("function_call"),
  call_id: optional(nullable(itemId)),
  name: toolName,
  arguments: string(MAX_CALL_LENGTH),
});
const functionCallOutput = object({
  id: optional(nullable(itemId)),
  type: oneOf("function_call_output"),
  call_id: itemId,
  output: string(MAX_CALL_LENGTH),
});

const MCP = 'MCP is not supported; expected "message", "function_call" or "function_call_output"';
const itemParsers = {
  message: checkedMessage,
  function_call: functionCall,
  function_call_output: functionCallOutput,
  mcp_approval_request: unsupported(MCP, "type"),
  mcp_approval_response: unsupported(MCP, "type"),
  mcp_call: unsupported(MCP, "type"),
  mcp_list_tools: unsupported(MCP, "type"),
};

/** An item that a client adds to the conversation. */
export const itemInput = tagged("type", itemParsers, "unsupported_value");
export type ItemInput = Parsed<typeof itemInput>;

const itemReference = object({ type: oneOf("item_reference"), id: itemId });
/** An item of a response's own input: new, or one that the conversation has. */
export const itemOrReference = tagged("type", { ...itemParsers, item_reference: itemReference }, "unsupported_value");
export type ItemOrReference = Parsed<typeof itemOrReference>;

function checkedMessage(value: unknown, path: string): MessageItemInput {
  const item = messageItem(value, path);
  item.content.forEach((part, index) => {
    const at = `${path}.content[${index}]`;
    if (part.type !== "input_audio") return;
    if (item.role !== "user") throw new AloudError("unsupported_value", `${at}.type: ${AUDIO_IN}`, { param: `${at}.type` });
    if (part.audio == null && part.transcript == null)
      throw new AloudError("missing_required_parameter", `${at}.audio is missing; expected base64 audio or a transcript`, {
        param: `${at}.audio`,
      });
  });
  return item;
}
