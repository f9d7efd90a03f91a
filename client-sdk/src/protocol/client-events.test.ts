import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eventIdOf, parseClientEvent } from "./client-events.ts";
import { AloudError } from "./errors.ts";

/** What parsing says of a value: the parsed event, or the error's code, field and message. */
function outcome(value: unknown): unknown {
  try {
    return parseClientEvent(typeof value === "string" ? value : JSON.stringify(value));
  } catch (error) {
    const { code, param, message } = AloudError.from(error);
    return { code, param, message };
  }
}

describe("parseClientEvent() names the field, the expectation and the value", () => {
  test.each([
    ["{", { code: "invalid_json", message: "message of 1 characters is not JSON" }],
    [[], { code: "invalid_type", message: "the event: expected an object, got an array of 0" }],
    [{}, { code: "missing_required_parameter", param: "type" }],
    [{ type: "session.destroy" }, { code: "unknown_event_type", message: expect.stringContaining('got "session.destroy"') }],
    [{ type: "session.update" }, { code: "missing_required_parameter", param: "session" }],
    [
      { type: "session.update", session: { audio: { input: { turn_detection: { type: "server_vad", threshold: 2 } } } } },
      {
        code: "invalid_value",
        param: "session.audio.input.turn_detection.threshold",
        message: expect.stringContaining("a number from 0 to 1, got 2"),
      },
    ],
    [
      { type: "session.update", session: { audio: { input: { format: { type: "audio/flac" } } } } },
      { code: "unsupported_value", param: "session.audio.input.format.type" },
    ],
    [
      { type: "session.update", session: { audio: { input: { format: { type: "audio/pcm", rate: 44_100 } } } } },
      { code: "invalid_value", message: "session.audio.input.format.rate: expected 24000, got 44100" },
    ],
    [
      { type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_image" }] } },
      { code: "unsupported_value", param: "item.content[0].type" },
    ],
    [
      { type: "aloud.ack", event_seq: -1 },
      { code: "invalid_value", param: "event_seq" },
    ],
  ])("%j", (value, expected) => {
    expect(outcome(value)).toMatchObject(expected);
  });

  test("never repeats what a person may have written", () => {
    const secret = "my password is hunter2 and I live at 5 Elm Street";
    const said = JSON.stringify(outcome({ type: "conversation.item.create", item: { type: "message", role: secret, content: [] } }));
    expect(said).not.toContain("hunter2");
    expect(said).toContain(`a string of ${secret.length} characters`);
  });
});

describe("parseClientEvent() accepts what stock clients send", () => {
  test("the session.update of @openai/agents-realtime, with keys that mean nothing to us", () => {
    const event = parseClientEvent(
      JSON.stringify({
        type: "session.update",
        event_id: "e1",
        session: {
          type: "realtime",
          model: "gpt-realtime",
          output_modalities: ["audio"],
          tracing: "auto",
          audio: {
            input: {
              format: { type: "audio/pcm", rate: 24_000 },
              noise_reduction: null,
              transcription: { model: "gpt-4o-mini-transcribe" },
              turn_detection: { type: "semantic_vad" },
            },
            output: { format: { type: "audio/pcm", rate: 24_000 }, voice: "ash", speed: 1 },
          },
        },
      }),
    );
    expect(event).toEqual({
      type: "session.update",
      event_id: "e1",
      session: {
        type: "realtime",
        model: "gpt-realtime",
        output_modalities: ["audio"],
        audio: {
          input: {
            format: { type: "audio/pcm", rate: 24_000 },
            transcription: { model: "gpt-4o-mini-transcribe" },
            turn_detection: { type: "semantic_vad" },
          },
        },
      },
    });
  });

  test("response.create without a body, and with LiveKit's metadata", () => {
    expect(parseClientEvent('{"type":"response.create"}')).toEqual({ type: "response.create" });
    expect(parseClientEvent('{"type":"response.create","response":{"metadata":{"client_event_id":"x"}}}')).toEqual({
      type: "response.create",
      response: { metadata: { client_event_id: "x" } },
    });
  });
});

describe("parseClientEvent() accepts items as clients send them", () => {
  test.each([
    ["LiveKit's call without arguments yet", { id: "i", type: "function_call", call_id: "c", name: "f", arguments: "" }],
    ["a call's output", { type: "function_call_output", call_id: "c", output: "" }],
    ["speech with its words", { type: "message", role: "user", content: [{ type: "input_audio", audio: null, transcript: "hi" }] }],
    ["an assistant's spoken words", { type: "message", role: "assistant", content: [{ type: "output_audio", transcript: "hi" }] }],
    ["a message with a status", { type: "message", role: "system", status: "completed", content: [{ type: "input_text", text: "hi" }] }],
  ])("%s", (_what, item) => {
    expect(outcome({ type: "conversation.item.create", previous_item_id: null, item })).toMatchObject({ type: "conversation.item.create" });
  });

  test("output_audio_buffer.clear is refused as what it is", () => {
    expect(outcome({ type: "output_audio_buffer.clear" })).toEqual({
      code: "unsupported_value",
      param: "type",
      message: "type: there is no output audio buffer: answers are text",
    });
  });
});

test("parseClientEvent() ends in an event or an AloudError for any JSON", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      const result = outcome(text) as { type?: unknown; code?: unknown };
      expect(result.code ?? result.type).toBeTypeOf("string");
    }),
    { numRuns: 500 },
  );
});

test("keys of Object.prototype are not read as fields or event types", () => {
  expect(outcome({ type: "constructor" })).toMatchObject({ code: "unknown_event_type" });
  expect(outcome('{"__proto__":{"type":"response.create"}}')).toMatchObject({ code: "missing_required_parameter" });
});

test("eventIdOf() finds the id of a message that is no event, and nothing elsewhere", () => {
  expect(eventIdOf('{"type":"nonsense","event_id":"abc"}')).toBe("abc");
  expect(eventIdOf("[1]")).toBeUndefined();
  expect(eventIdOf("{")).toBeUndefined();
});
