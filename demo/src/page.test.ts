import type { ServerEvent } from "@aloud/client";
import { describe, expect, test } from "vitest";
import { NEW_PAGE, type PageEvent, reducePage } from "./page.ts";
import { microphoneProblem } from "./problem.ts";
import { devicesOf, hintOf, statusOf, talkLabelOf } from "./view/words.ts";

const play = (...events: PageEvent[]) => events.reduce(reducePage, NEW_PAGE);
const server = (event: object): PageEvent => ({ type: "server", event: { event_id: "e", ...event } as ServerEvent });
const refused = microphoneProblem({ name: "NotAllowedError", secure: true, permission: "denied" });
const status = (state: string, more: object = {}) =>
  server({
    type: "aloud.engine.status",
    state,
    progress: 1,
    model: "nano",
    devices: [{ id: "cpu", state: "ready", memory_bytes: 2 ** 28, conversations: 1, message: null }],
    queue_position: 0,
    message: null,
    ...more,
  });

describe("the page", () => {
  test("shows how the model is doing, from connecting to ready", () => {
    expect(statusOf(NEW_PAGE)).toEqual({ tone: "wait", text: "Connecting" });
    expect(statusOf(play({ type: "opened" }, status("loading", { progress: 0.42 }))).text).toBe("Loading nano 42 %");
    expect(statusOf(play({ type: "opened" }, status("loading", { progress: 0 }))).text).toBe("Loading nano");
    expect(statusOf(play({ type: "opened" }, status("busy", { queue_position: 2 }))).text).toBe("Busy, 2 ahead");
    expect(statusOf(play({ type: "opened" }, status("ready")))).toEqual({ tone: "good", text: "nano · cpu" });
    expect(statusOf(play({ type: "opened" }, status("failed", { message: "a file is missing" })))).toEqual({
      tone: "bad",
      text: "a file is missing",
    });
  });

  test("says what is waited for where nothing progresses", () => {
    const waiting = { progress: 0, model: "unknown", devices: [], message: "waiting for the vLLM server to come back" };
    expect(statusOf(play({ type: "opened" }, status("loading", waiting)))).toEqual({
      tone: "wait",
      text: "Waiting for the vLLM server to come back",
    });
  });

  test("shows each device, and what is wrong with one", () => {
    const cpu = { id: "cpu", state: "ready", memory_bytes: 2 ** 28, conversations: 2, message: null };
    const gpu = { id: "cuda:0", state: "failed", memory_bytes: 0, conversations: 0, message: "install the provider" };
    const page = play({ type: "opened" }, status("ready", { devices: [cpu, gpu] }));
    expect(statusOf(page).text).toBe("nano · cpu, cuda:0 failed");
    expect(devicesOf(page)).toBe("cpu: 2 conversations, 256 MiB\ncuda:0: failed · install the provider");
    expect(devicesOf(NEW_PAGE)).toBe("");
  });

  test("ends what was under way when the connection is lost, and says whether it tries again", () => {
    const page = play({ type: "opened" }, server({ type: "input_audio_buffer.committed", item_id: "i1", previous_item_id: null }), {
      type: "lost",
      reason: "The server cannot be reached",
      again: true,
    });
    expect(page.conversation.turns[0]).toMatchObject({ status: "failed", error: { code: "connection_lost" } });
    expect(statusOf(page).text).toBe("Reconnecting");
    expect(hintOf(page)).toBe("The server cannot be reached. Trying again …");
  });

  test("forgets a microphone's problem once it records", () => {
    expect(play({ type: "problem", problem: refused }, { type: "microphone", microphone: "recording" }).problem).toBeUndefined();
    expect(play({ type: "problem", problem: refused }, { type: "opened" }).problem).toBe(refused);
  });

  test("explains a recording that was too short, and keeps quiet about what is harmless", () => {
    const error = (code: string) =>
      server({ type: "error", error: { code, message: "m", type: "invalid_request_error", param: null, event_id: null } });
    expect(play(error("input_audio_buffer_commit_empty")).problem?.title).toBe("That was too short");
    expect(play(error("response_cancel_not_active")).problem).toBeUndefined();
    expect(play(error("engine_busy")).problem).toMatchObject({ about: "server", advice: "m." });
  });

  test("says on the talk button what pressing it does", () => {
    expect(talkLabelOf(NEW_PAGE)).toBe("Hold to talk");
    expect(talkLabelOf(play({ type: "mode", mode: "hands-free" }))).toBe("Start listening");
    expect(talkLabelOf(play({ type: "mode", mode: "hands-free" }, { type: "microphone", microphone: "recording" }))).toBe("Stop listening");
  });
});

describe("microphoneProblem()", () => {
  const title = (name: string, permission: "denied" | "prompt" = "denied", secure = true) =>
    microphoneProblem({ name, permission, secure }).title;

  test("tells refused from dismissed, missing, in use, insecure and unsupported", () => {
    expect(title("NotAllowedError")).toBe("The microphone is blocked for this page");
    expect(title("NotAllowedError", "prompt")).toBe("The microphone was not allowed yet");
    expect(title("NotFoundError")).toBe("No microphone was found");
    expect(title("NotReadableError")).toBe("The microphone is in use");
    expect(title("NotSupportedError", "denied", false)).toBe("The microphone needs a secure page");
    expect(title("NotSupportedError")).toBe("This browser cannot record");
  });

  test("offers to retry only where that can help", () => {
    expect(refused.retry).toBe("microphone");
    expect(microphoneProblem({ name: "", permission: "unknown", secure: false }).retry).toBeUndefined();
  });
});
