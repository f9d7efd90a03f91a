/** What a client may send, parsed at the edge. Everything behind `parseClientEvent` may trust its input. */
import { AloudError } from "./errors.ts";
import { array, nullable, number, object, oneOf, optional, type Parsed, type Parser, string, tagged } from "./schema.ts";
import { sessionPatch } from "./session-config.ts";

/** Base64 audio of one append; 64 KiB messages bound it in practice (gateway limits). */
const MAX_AUDIO_BASE64_LENGTH = 15 * 1024 * 1024;
/** Typed text of one item. */
export const MAX_TEXT_LENGTH = 8_192;
const MAX_ID_LENGTH = 64;

const id = string(MAX_ID_LENGTH);
const eventId = optional(string(512));

const textPart = (type: "input_text" | "output_text" | "text") => object({ type: oneOf(type), text: string(MAX_TEXT_LENGTH) });
const unsupportedPart =
  (what: string): Parser<never> =>
  (_value, path) => {
    throw new AloudError("unsupported_value", `${path}.type: ${what}; expected "input_text"`, { param: `${path}.type` });
  };

const messageItem = object({
  id: optional(id),
  type: oneOf("message"),
  role: oneOf("user", "assistant", "system"),
  content: array(
    tagged(
      "type",
      {
        input_text: textPart("input_text"),
        output_text: textPart("output_text"),
        text: textPart("text"),
        input_audio: unsupportedPart("audio items are not accepted here, send audio with input_audio_buffer.append"),
        input_image: unsupportedPart("images are not supported"),
      },
      "unsupported_value",
    ),
    16,
  ),
});
export type MessageItemInput = Parsed<typeof messageItem>;

const responseParams = object({
  instructions: optional(string(16_384)),
  output_modalities: optional(array(oneOf("text", "audio"), 2)),
  max_output_tokens: optional(((value, path) =>
    value === "inf" ? "inf" : number({ min: 1, max: 4_096, integer: true })(value, path)) as Parser<number | "inf">),
  reasoning: optional(nullable(object({ effort: optional(oneOf("none", "minimal", "low", "medium", "high", "xhigh")) }))),
  conversation: optional(oneOf("auto", "none")),
  metadata: optional(nullable(metadata())),
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
    previous_item_id: optional(nullable(id)),
    item: tagged("type", { message: messageItem }, "unsupported_value"),
  }),
  "conversation.item.retrieve": object({ type: oneOf("conversation.item.retrieve"), event_id: eventId, item_id: id }),
  "conversation.item.delete": object({ type: oneOf("conversation.item.delete"), event_id: eventId, item_id: id }),
  "conversation.item.truncate": object({
    type: oneOf("conversation.item.truncate"),
    event_id: eventId,
    item_id: id,
    content_index: optional(number({ min: 0, max: 0, integer: true })),
    audio_end_ms: optional(number({ min: 0, max: 86_400_000 })),
  }),
  "response.create": object({ type: oneOf("response.create"), event_id: eventId, response: optional(nullable(responseParams)) }),
  "response.cancel": object({ type: oneOf("response.cancel"), event_id: eventId, response_id: optional(id) }),
  "aloud.ack": object({ type: oneOf("aloud.ack"), event_id: eventId, event_seq: number({ min: 0, max: 0xffff_ffff, integer: true }) }),
};

const clientEvent = tagged("type", clientEvents, "unknown_event_type");

export type ClientEvent = Parsed<typeof clientEvent>;
export type ClientEventType = ClientEvent["type"];
export const CLIENT_EVENT_TYPES: readonly string[] = Object.keys(clientEvents);

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
