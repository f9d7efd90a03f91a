import { describe, expect, test } from "vitest";
import type { MessageItem } from "../protocol/items.ts";
import type { ResponseObject, ServerEvent, ServerEventBody } from "../protocol/server-events.ts";
import { isAnswering, MAX_TURNS, NEW_CONVERSATION } from "./conversation.ts";
import { reduce } from "./reduce.ts";

const play = (...events: ServerEventBody[]) =>
  events.map((event, index): ServerEvent => ({ ...event, event_id: `event_${index}` })).reduce(reduce, NEW_CONVERSATION);

const user = (id: string, content: MessageItem["content"]): ServerEventBody => ({
  type: "conversation.item.added",
  previous_item_id: null,
  item: { id, object: "realtime.item", type: "message", status: "completed", role: "user", content },
});

const response = (id: string, fields: Partial<ResponseObject> = {}): ResponseObject => ({
  object: "realtime.response",
  id,
  conversation_id: "conv_1",
  status: "in_progress",
  status_details: null,
  output: [],
  output_modalities: ["text"],
  max_output_tokens: "inf",
  metadata: null,
  usage: null,
  ...fields,
});
const place = { response_id: "r1", item_id: "a1", output_index: 0, content_index: 0 };
const thought = (channel: "semantic" | "acoustic", delta: string, kind: { heuristic?: true } = {}): ServerEventBody => ({
  type: "response.reasoning_text.delta",
  channel,
  delta,
  ...kind,
  ...place,
});
const answer = (delta: string): ServerEventBody => ({ type: "response.output_text.delta", delta, ...place });

const spoken: ServerEventBody[] = [
  { type: "input_audio_buffer.speech_started", item_id: "i1", audio_start_ms: 300 },
  { type: "conversation.item.input_audio_transcription.delta", item_id: "i1", content_index: 0, delta: "lights " },
  { type: "input_audio_buffer.speech_stopped", item_id: "i1", audio_end_ms: 900 },
  { type: "input_audio_buffer.committed", item_id: "i1", previous_item_id: null },
  user("i1", [{ type: "input_audio", transcript: null }]),
  { type: "response.created", response: response("r1") },
];
const timing = { endpoint_ms: 500, first_thought_ms: 510, first_answer_ms: 540, done_ms: 600, prefilled_tokens: 41, speculated: true };

describe("a spoken turn", () => {
  test("is listening from the first sound, with the words as they are heard", () => {
    expect(play(...spoken.slice(0, 2)).turns).toMatchObject([{ id: "i1", input: "speech", status: "listening", transcript: "lights " }]);
  });

  test("fills its three channels and keeps the final transcript and the timing", () => {
    const done: ServerEventBody = { type: "response.done", response: response("r1", { status: "completed", timing }) };
    const conversation = play(
      ...spoken,
      thought("semantic", "The speaker "),
      thought("semantic", "wants light."),
      thought("acoustic", "A low voice."),
      {
        type: "conversation.item.input_audio_transcription.completed",
        item_id: "i1",
        content_index: 0,
        transcript: "lights on",
        usage: { type: "duration", seconds: 1 },
      },
      answer("It is "),
      answer("on."),
      done,
    );
    expect(conversation.turns).toMatchObject([
      {
        status: "completed",
        transcript: "lights on",
        semantic: "The speaker wants light.",
        acoustic: "A low voice.",
        isHeuristic: false,
        answer: "It is on.",
        timing,
      },
    ]);
    expect(isAnswering(conversation)).toBe(false);
  });

  test("is answered while thinking goes on: both grow, until the thoughts are done", () => {
    const thinking = (state: "added" | "done"): ServerEventBody => ({
      type: `response.output_item.${state}`,
      response_id: "r1",
      output_index: 0,
      item: { id: "t1", object: "realtime.item", type: "reasoning", status: state === "added" ? "in_progress" : "completed", content: [] },
    });
    const events = [
      ...spoken,
      thinking("added"),
      thought("semantic", "They ask. "),
      answer("It "),
      thought("acoustic", "A calm voice. "),
      answer("rains."),
      thought("semantic", "So it is."),
    ];
    const both = { status: "answering", semantic: "They ask. So it is.", acoustic: "A calm voice. ", answer: "It rains." };
    expect(play(...events).turns).toMatchObject([{ ...both, isThinking: true }]);
    expect(play(...events, thinking("done")).turns).toMatchObject([{ ...both, isThinking: false }]);
  });

  test("says that its channels were guessed where the server says so", () => {
    const events = [
      ...spoken,
      thought("semantic", "Light. ", { heuristic: true }),
      thought("acoustic", "A low voice.", { heuristic: true }),
    ];
    expect(play(...events).turns).toMatchObject([{ semantic: "Light. ", acoustic: "A low voice.", isHeuristic: true }]);
  });

  test("is one turn when speech resumes after a pause", () => {
    const again: ServerEventBody = { type: "input_audio_buffer.speech_started", item_id: "i1", audio_start_ms: 1_000 };
    expect(play(...spoken.slice(0, 3), again).turns).toHaveLength(1);
  });

  test("keeps what was said when the user interrupts, and says so", () => {
    const cancelled: ServerEventBody = {
      type: "response.done",
      response: response("r1", { status: "cancelled", status_details: { type: "cancelled", reason: "turn_detected" } }),
    };
    const next: ServerEventBody = { type: "input_audio_buffer.speech_started", item_id: "i2", audio_start_ms: 2_000 };
    expect(play(...spoken, answer("It is "), next, cancelled).turns).toMatchObject([
      { id: "i1", status: "cancelled", answer: "It is " },
      { id: "i2", status: "listening" },
    ]);
  });

  test("carries the reason when it fails", () => {
    const error = { type: "server_error", code: "engine_failed", message: "the engine could not finish" } as const;
    const failed: ServerEventBody = {
      type: "response.done",
      response: response("r1", { status: "failed", status_details: { type: "failed", error } }),
    };
    expect(play(...spoken, failed).turns[0]?.error).toEqual({ code: "engine_failed", message: "the engine could not finish" });
  });

  test("that was no speech is over without a response, and takes one if it comes after all", () => {
    const empty: ServerEventBody = {
      type: "conversation.item.input_audio_transcription.failed",
      item_id: "i1",
      content_index: 0,
      error: { type: "transcription_error", code: "audio_unintelligible", message: "no words were understood" },
    };
    const heard = [spoken[0], ...spoken.slice(2, 5), empty].filter((event) => event !== undefined);
    expect(play(...heard).turns).toMatchObject([{ status: "unheard" }]);
    expect(play(...heard, { type: "response.created", response: response("r1") }).turns).toMatchObject([{ status: "thinking" }]);
  });

  test("that is thrown away before its end leaves nothing", () => {
    expect(play(...spoken.slice(0, 2), { type: "input_audio_buffer.cleared" }).turns).toEqual([]);
  });
});

describe("a typed turn", () => {
  test("shows the text at once and takes the next response", () => {
    const created: ServerEventBody = { type: "response.created", response: response("r1") };
    expect(play(user("i1", [{ type: "input_text", text: "hello" }]), created, answer("Hi.")).turns).toMatchObject([
      { input: "text", transcript: "hello", status: "answering", answer: "Hi.", responseId: "r1" },
    ]);
  });
});

describe("a turn in which a tool is called", () => {
  const item = { object: "realtime.item", status: "completed", call_id: "c1" } as const;
  const at = { response_id: "r1", item_id: "f1", output_index: 1, call_id: "c1" };
  const called: ServerEventBody[] = [
    { type: "response.created", response: response("r1") },
    thought("semantic", "They want a timer."),
    { type: "response.function_call_arguments.done", ...at, name: "set_timer", arguments: '{"minutes":5}' },
    { type: "response.done", response: response("r1", { status: "completed" }) },
  ];
  const result: ServerEventBody = {
    type: "conversation.item.added",
    previous_item_id: "f1",
    item: { ...item, id: "o1", type: "function_call_output", output: "ok" },
  };

  test("shows the call, and its result once the app gave it", () => {
    expect(play(user("i1", [{ type: "input_text", text: "five minutes" }]), ...called).turns).toMatchObject([
      { status: "completed", calls: [{ name: "set_timer", arguments: '{"minutes":5}', output: undefined }] },
    ]);
    expect(play(...called, result).turns[0]?.calls[0]?.output).toBe("ok");
  });

  test("goes on with what the model says to the result", () => {
    const said: ServerEventBody = { type: "response.output_text.delta", delta: "It runs.", ...place, response_id: "r2" };
    const { turns } = play(...called, result, { type: "response.created", response: response("r2") }, said);
    expect(turns).toMatchObject([{ responseId: "r2", status: "answering", semantic: "They want a timer.\n", answer: "It runs." }]);
  });

  test("is followed by a turn of its own if the app gave no result", () => {
    expect(play(...called, { type: "response.created", response: response("r2") }).turns).toHaveLength(2);
  });
});

describe("reduce()", () => {
  test("changes nothing at an event that it does not know", () => {
    const unknown = { type: "response.dreamt", event_id: "e" } as unknown as ServerEvent;
    expect(reduce(NEW_CONVERSATION, unknown)).toBe(NEW_CONVERSATION);
  });

  test("changes nothing at a delta of a response that is gone", () => {
    expect(play(answer("late"))).toEqual(NEW_CONVERSATION);
  });

  test("keeps the newest turns when there are too many", () => {
    const started = Array.from(
      { length: MAX_TURNS + 3 },
      (_, index): ServerEventBody => ({ type: "input_audio_buffer.committed", item_id: `i${index}`, previous_item_id: null }),
    );
    const { turns } = play(...started);
    expect(turns).toHaveLength(MAX_TURNS);
    expect(turns.at(0)?.id).toBe("i3");
  });
});
