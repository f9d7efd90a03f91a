import { describe, expect, test } from "vitest";
import { applySessionPatch, DEFAULT_SERVER_VAD, defaultSession, sessionPatch } from "./session-config.ts";

const patched = (patch: unknown, dialect: "realtime" | "aloud" = "aloud") =>
  applySessionPatch(defaultSession("nano"), sessionPatch(patch, "session"), dialect);

describe("applySessionPatch()", () => {
  test("keeps what the patch does not mention", () => {
    expect(patched({})).toEqual(defaultSession("nano"));
    expect(patched({ audio: { input: { turn_detection: { type: "server_vad", silence_duration_ms: 200 } } } }).turnDetection).toEqual({
      ...DEFAULT_SERVER_VAD,
      silence_duration_ms: 200,
    });
  });

  test("turns push-to-talk on with null and live turns on again with an object", () => {
    const pushToTalk = patched({ audio: { input: { turn_detection: null } } });
    expect(pushToTalk.turnDetection).toBeNull();
    const live = applySessionPatch(pushToTalk, { audio: { input: { turn_detection: { type: "server_vad" } } } }, "aloud");
    expect(live.turnDetection).toEqual(DEFAULT_SERVER_VAD);
  });

  test("clears transcription with null and keeps it otherwise", () => {
    const on = patched({ audio: { input: { transcription: {} } } });
    expect(on.transcription).toEqual({ model: "nano", language: undefined });
    expect(applySessionPatch(on, {}, "aloud").transcription).toEqual(on.transcription);
    expect(applySessionPatch(on, { audio: { input: { transcription: null } } }, "aloud").transcription).toBeNull();
  });

  test("clears with empty values and null, and keeps what is absent", () => {
    const tool = { type: "function", name: "set_light", parameters: { type: "object" } };
    const set = patched({
      instructions: "Be kind.",
      max_output_tokens: 9,
      reasoning: { effort: "low" },
      tools: [tool],
      tool_choice: { type: "function", name: "set_light" },
      parallel_tool_calls: false,
      truncation: "disabled",
    });
    expect(applySessionPatch(set, sessionPatch({ type: "realtime", tracing: "auto" }, "session"), "aloud")).toEqual(set);
    const cleared = {
      instructions: "",
      max_output_tokens: null,
      reasoning: null,
      tools: [],
      tool_choice: null,
      parallel_tool_calls: null,
      truncation: null,
    };
    expect(applySessionPatch(set, sessionPatch(cleared, "session"), "aloud")).toEqual(defaultSession("nano"));
    expect(applySessionPatch(set, sessionPatch({ instructions: null, tools: null }, "session"), "aloud")).toMatchObject({
      instructions: "",
      tools: [],
    });
  });

  test("goes back to auto when the tool that was chosen is taken away", () => {
    const tools = [{ type: "function", name: "set_light" }];
    const chosen = patched({ tools, tool_choice: { type: "function", function: { name: "set_light" } } });
    expect(chosen.toolChoice).toEqual({ type: "function", name: "set_light" });
    expect(applySessionPatch(chosen, { tools: [] }, "aloud").toolChoice).toBe("auto");
  });

  test("takes every format and noise reduction that clients send, and text for audio out", () => {
    for (const type of ["audio/pcm", "audio/pcmu", "audio/pcma"])
      expect(
        patched({ audio: { input: { format: { type }, noise_reduction: { type: "near_field" } } } }, "realtime").inputFormat.type,
      ).toBe(type);
  });

  test.each([
    ["prompt", { prompt: { id: "pmpt_1" } }],
    ["include[0]", { include: ["item.input_audio_transcription.logprobs"] }],
    ["type", { type: "transcription" }],
    ["audio.input.format.type", { audio: { input: { format: { type: "audio/mp3" } } } }],
    ["tools[0].type", { tools: [{ type: "mcp" }] }],
  ])("refuses what is not offered, naming %s", (field, patch) => {
    expect(() => patched(patch)).toThrow(expect.objectContaining({ code: "unsupported_value", param: `session.${field}` }));
  });

  test("refuses a schema that is nested without end", () => {
    const parameters = JSON.parse(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`);
    expect(() => patched({ tools: [{ type: "function", name: "f", parameters }] })).toThrow(
      expect.objectContaining({ code: "invalid_value" }),
    );
  });

  test("answers a request for audio out with a text session", () => {
    expect(patched({ output_modalities: ["audio"] }).outputModalities).toEqual(["text"]);
  });

  test("refuses Opus where aloud.v1 was not offered", () => {
    const opus = { audio: { input: { format: { type: "audio/opus" } } } };
    expect(patched(opus).inputFormat).toEqual({ type: "audio/opus" });
    expect(() => patched(opus, "realtime")).toThrow(
      expect.objectContaining({ code: "unsupported_value", param: "session.audio.input.format.type" }),
    );
  });

  test("never changes the model", () => {
    expect(patched({ model: "gpt-realtime" }).model).toBe("nano");
  });
});
