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
