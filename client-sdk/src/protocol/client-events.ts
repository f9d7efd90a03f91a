/** What a client may send, parsed at the edge. Everything behind `parseClientEvent` may trust its input. */
import { AloudError } from "./errors.ts";
import { itemId, itemInput, itemOrReference, MAX_AUDIO_BASE64_LENGTH } from "./items.ts";
import {
  array,
  boolean,
  nullable,
  number,
  object,
  oneOf,
  optional,
  type Parsed,
  type Parser,
  string,
  tagged,
  unsupported,
} from "./schema.ts";
import { MAX_INSTRUCTIONS_LENGTH, maxOutputTokens, outputModalities, prompt, reasoning, sessionPatch } from "./session-config.ts";
import { toolChoice, tools } from "./tools.ts";

const eventId = optional(string(512));
const MAX_INPUT_ITEMS = 128;

const responseParams = object({
  instructions: optional(nullable(string(MAX_INSTRUCTIONS_LENGTH))),
  output_modalities: optional(nullable(outputModalities)),
  max_output_tokens: optional(nullable(maxOutputTokens)),
  reasoning: optional(nullable(reasoning)),
  tools: optional(nullable(tools)),
  tool_choice: optional(nullable(toolChoice)),
  parallel_tool_calls: optional(nullable(boolean)),
  conversation: optional(nullable(oneOf("auto", "none"))),
  /** A context of its own for this response: the conversation is left out. */
  input: optional(nullable(array(itemOrReference, MAX_INPUT_ITEMS))),
  metadata: optional(nullable(metadata())),
  prompt: optional(prompt),
});
export type ResponseParams = Parsed<typeof responseParams>;

/** Up to 16 string pairs, echoed in the response (LiveKit waits for its `client_event_id`). */
function metadata(): Parser<Record<string, string>> {
  return (value, path) => {
    const entries = Object.entries(object({})(value, path) && (value as Record<string, unknown>));
    if (entries.length > 16)
      throw new AloudError("invalid_value", `${path}: expected at most 16 pairs, got ${entries.length}`, { param: path });
    const parse = string(512);
    return Object.fromEntries(entries.map(([key, item]) => [string(64)(key, path), parse(item, `${path}.${key.slice(0, 64)}`)]));
  };
}

const clientEvents = {
  "session.update": object({ type: oneOf("session.update"), event_id: eventId, session: sessionPatch }),
  "input_audio_buffer.append": object({
    type: oneOf("input_audio_buffer.append"),
    event_id: eventId,
    audio: string(MAX_AUDIO_BASE64_LENGTH),
  }),
  "input_audio_buffer.commit": object({ type: oneOf("input_audio_buffer.commit"), event_id: eventId }),
  "input_audio_buffer.clear": object({ type: oneOf("input_audio_buffer.clear"), event_id: eventId }),
  "conversation.item.create": object({
    type: oneOf("conversation.item.create"),
    event_id: eventId,
    previous_item_id: optional(nullable(itemId)),
    item: itemInput,
  }),
  "conversation.item.retrieve": object({ type: oneOf("conversation.item.retrieve"), event_id: eventId, item_id: itemId }),
  "conversation.item.delete": object({ type: oneOf("conversation.item.delete"), event_id: eventId, item_id: itemId }),
  "conversation.item.truncate": object({
    type: oneOf("conversation.item.truncate"),
    event_id: eventId,
    item_id: itemId,
    content_index: optional(nullable(number({ min: 0, max: 0, integer: true }))),
    audio_end_ms: optional(nullable(number({ min: 0, max: 86_400_000 }))),
  }),
  "response.create": object({ type: oneOf("response.create"), event_id: eventId, response: optional(nullable(responseParams)) }),
  "response.cancel": object({ type: oneOf("response.cancel"), event_id: eventId, response_id: optional(nullable(itemId)) }),
  "output_audio_buffer.clear": unsupported("there is no output audio buffer: answers are text", "type"),
  "aloud.ack": object({ type: oneOf("aloud.ack"), event_id: eventId, event_seq: number({ min: 0, max: 0xffff_ffff, integer: true }) }),
};

const clientEvent = tagged("type", clientEvents, "unknown_event_type");

export type ClientEvent = Parsed<typeof clientEvent>;
export type ClientEventType = ClientEvent["type"];
/** What a client may send and have done. */
export const CLIENT_EVENT_TYPES: readonly string[] = Object.keys(clientEvents).filter((type) => type !== "output_audio_buffer.clear");

/**
 * Parses one text message.
 * @throws AloudError `invalid_json`, `unknown_event_type`, `missing_required_parameter`, `invalid_type`, `invalid_value` or `unsupported_value`
 */
export function parseClientEvent(text: string): ClientEvent {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AloudError("invalid_json", `message of ${text.length} characters is not JSON`);
  }
  return clientEvent(value, "");
}

/** The `event_id` of a message that did not parse as an event, so that the error can name it. */
export function eventIdOf(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "event_id" in value && typeof value.event_id === "string")
      return value.event_id.slice(0, 512);
  } catch {
    // Not JSON: there is no id to name.
  }
  return undefined;
}
