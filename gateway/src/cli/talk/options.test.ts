import { describe, expect, test } from "vitest";
import { parseTalkArgs, realtimeUrl } from "./options.ts";

describe("parseTalkArgs()", () => {
  test("takes files, texts and flags in any order", () => {
    expect(parseTalkArgs(["a.wav", "--fast", "--text", "hello", "b.opus", "--ptt", "--json", "-t", "again"])).toEqual({
      files: ["a.wav", "b.opus"],
      texts: ["hello", "again"],
      url: undefined,
      key: undefined,
      json: true,
      fast: true,
      pushToTalk: true,
    });
  });

  test("takes a key, and repeats nothing that is none", () => {
    expect(parseTalkArgs(["a.wav", "--key", "ak_1"])).toMatchObject({ key: "ak_1" });
    expect(() => parseTalkArgs(["a.wav", "--key", "a canary"])).toThrow(/^--key or ALOUD_KEY: this is no key$/);
  });

  test("wants something to say", () => {
    expect(() => parseTalkArgs(["--json"])).toThrow("nothing to say");
    expect(() => parseTalkArgs(["--text", " "])).toThrow("--text is empty");
  });
});

test("realtimeUrl() accepts what people type", () => {
  expect(["localhost:7860", "http://host:1/", "https://host", "ws://host/v1/realtime?model=x"].map(realtimeUrl)).toEqual([
    "ws://localhost:7860/v1/realtime",
    "ws://host:1/v1/realtime",
    "wss://host/v1/realtime",
    "ws://host/v1/realtime?model=x",
  ]);
  expect(() => realtimeUrl("ftp://host")).toThrow("expected ws:// or wss://");
  expect(() => realtimeUrl("ws://")).toThrow("not an address");
});
