/** What a client may ask of responses and items: overrides, contexts of their own, answers beside the conversation, order, deletion. */
import type { ConversationSetup } from "@aloud/engine";
import type { ScriptedOptions } from "@aloud/engine/testing";
import { afterEach, describe, expect, test } from "vitest";
import { readLegal } from "../helpers/event-grammar.ts";
import { openTestSession, type TestSession, tone } from "../helpers/session.ts";

let session: TestSession;
/** Every conversation that the engine was asked to open. */
let opened: ConversationSetup[];
afterEach(() => {
  readLegal("realtime", session.events);
  return session.close();
});

function start(script: ScriptedOptions = {}): void {
  session = openTestSession({ answer: ({ text }) => [{ channel: "answer", text: `You say ${text}.` }], ...script });
  opened = [];
  const { open } = session.engine;
  session.engine.open = (setup) => {
    opened.push(setup);
    return open(setup);
  };
}
/** Remembers what was heard, and says yes. */
function note<T>(heard: T[], what: T) {
  heard.push(what);
  return [{ channel: "answer", text: "Yes." }] as const;
}
const told = (setup: ConversationSetup | undefined) =>
  (setup?.items ?? []).map((item) => (item.type === "text" ? `${item.role}: ${item.text}` : `call: ${item.name}`));
const respond = async (response: Record<string, unknown> = {}) => {
  session.send({ type: "response.create", response });
  await session.settle();
};
const done = () => session.last("response.done").response;
const text = () => done().output.at(-1)?.content?.[0]?.text;
const create = (item: Record<string, unknown>, previous_item_id?: string) =>
  session.send({ type: "conversation.item.create", ...(previous_item_id !== undefined && { previous_item_id }), item });
const typed = (words: string, id?: string) => ({
  type: "message",
  role: "user",
  content: [{ type: "input_text", text: words }],
  ...(id && { id }),
});

describe("response.create", () => {
  test("with instructions of its own has them for this response only, and the conversation", async () => {
    start();
    session.send({ type: "session.update", session: { instructions: "Be kind." } });
    session.type("one");
    await respond();
    session.type("two");
    await respond({ instructions: "Be brief.", max_output_tokens: 5, metadata: { topic: "x" } });
    session.type("three");
    await respond();
    expect(opened.map(({ instructions }) => instructions)).toEqual(["Be kind.", "Be brief.", "Be kind."]);
    expect(opened.map(told)).toEqual([
      [],
      ["user: one", "assistant: You say one."],
      ["user: one", "assistant: You say one.", "user: two", "assistant: You say two."],
    ]);
    expect(text()).toBe("You say three.");
    expect(session.all("response.done")[1]?.response).toMatchObject({
      max_output_tokens: 5,
      metadata: { topic: "x" },
      status: "completed",
    });
  });

  test("with the session's own settings costs no new conversation", async () => {
    start();
    session.send({ type: "session.update", session: { instructions: "Be kind." } });
    session.type("one");
    await respond({ instructions: "Be kind.", output_modalities: ["audio"], tools: [], conversation: "auto" });
    expect(opened).toHaveLength(1);
    expect(done()).toMatchObject({ output_modalities: ["text"], status: "completed" });
  });

  test("with input is given that and nothing else, and its answer belongs to the conversation", async () => {
    start();
    create(typed("one", "item_one"));
    create(typed("two", "item_two"));
    await respond({ input: [{ type: "item_reference", id: "item_one" }, typed("three")] });
    expect(told(opened.at(-1))).toEqual(["user: one", "user: three"]);
    expect(text()).toBe("You say three.");
    expect(session.last("conversation.item.added").item.id).toBe(done().output[0].id);
  });

  test("with empty input forgets everything for once", async () => {
    start();
    session.type("one");
    await respond({ input: [], instructions: "Say hello." });
    expect(opened.at(-1)).toMatchObject({ instructions: "Say hello.", items: [] });
  });

  test("takes the audio of an open spoken turn along, also with instructions of its own", async () => {
    const heard: number[] = [];
    start({ answer: ({ audioSamples }) => note(heard, audioSamples) });
    session.send({ type: "session.update", session: { audio: { input: { turn_detection: null } } } });
    session.speak(500);
    session.send({ type: "input_audio_buffer.commit" });
    await respond({ instructions: "Be brief." });
    expect(heard[0]).toBeGreaterThan(7_500);
  });

  test("takes an early answer back when it asks for one with instructions of its own", async () => {
    start();
    session.speak(500);
    session.pause(300);
    await session.settle();
    await respond({ instructions: "Be brief." });
    expect(opened.map(({ instructions }) => instructions)).toEqual(["", "Be brief."]);
    expect(session.all("response.created")).toHaveLength(1);
    expect(done().status).toBe("completed");
  });

  test.each([
    ["a prompt template", { prompt: { id: "pmpt_1" } }, "unsupported_value", "response.prompt"],
    ["an MCP tool", { tools: [{ type: "mcp" }] }, "unsupported_value", "response.tools[0].type"],
    ["an item that is not there", { input: [{ type: "item_reference", id: "nowhere" }] }, "item_not_found", "response.input[0].id"],
    [
      "audio without words",
      { input: [{ type: "message", role: "user", content: [{ type: "input_audio", audio: "AAAA" }] }] },
      "unsupported_value",
      "response.input[0].content[0].audio",
    ],
    [
      "an image",
      { input: [{ type: "message", role: "user", content: [{ type: "input_image" }] }] },
      "unsupported_value",
      "response.input[0].content[0].type",
    ],
    ["a tool that is not declared", { tool_choice: { type: "function", name: "x" } }, "invalid_value", "response.tool_choice.name"],
  ])("with %s is refused, and nothing begins", async (_what, response, code, param) => {
    start();
    await respond(response);
    expect(session.last("error").error).toMatchObject({ code, param });
    expect(session.types()).not.toContain("response.created");
  });
});

describe('conversation: "none"', () => {
  test("answers beside the conversation and leaves nothing in it", async () => {
    start();
    session.type("one");
    await respond();
    await respond({ conversation: "none", instructions: "Name the topic.", metadata: { purpose: "topic" } });
    expect(done()).toMatchObject({ conversation_id: null, status: "completed", metadata: { purpose: "topic" } });
    expect(opened.at(-1)).toMatchObject({ instructions: "Name the topic." });
    expect(told(opened.at(-1))).toEqual(["user: one", "assistant: You say one."]);
    const asideId = done().output[0].id;
    expect(session.all("conversation.item.added").map(({ item }) => item.id)).not.toContain(asideId);
    session.type("two");
    await respond();
    expect(text()).toBe("You say two.");
    expect(session.engine.openConversations).toBe(1);
  });

  test("runs while another response does, and is cancelled by its id", async () => {
    start({ pace: "stepped" });
    session.type("one");
    await respond();
    await respond({ conversation: "none", input: [typed("aside")] });
    const [main, aside] = session.all("response.created").map(({ response }) => response.id);
    session.send({ type: "response.cancel", response_id: aside });
    await session.settle();
    expect(done()).toMatchObject({ id: aside, status: "cancelled", status_details: { reason: "client_cancelled" } });
    session.send({ type: "response.cancel", response_id: aside });
    session.engine.releaseAll();
    await session.settle();
    expect(session.last("error").error.code).toBe("response_cancel_not_active");
    expect(done()).toMatchObject({ id: main, status: "completed" });
  });

  test("may run a few times at once, and then no more", async () => {
    start({ pace: "stepped" });
    for (let n = 0; n < 5; n++) await respond({ conversation: "none", input: [typed(`${n}`)] });
    expect(session.all("response.created")).toHaveLength(4);
    expect(session.last("error").error.code).toBe("engine_busy");
    session.engine.releaseAll();
    await session.settle();
    expect(session.all("response.done").map(({ response }) => response.status)).toEqual(Array(4).fill("completed"));
  });

  test("fails by itself", async () => {
    start({ answer: () => ["crash"] });
    await respond({ conversation: "none", input: [typed("aside")] });
    expect(done().status_details.error.code).toBe("engine_unavailable");
  });
});

describe("items", () => {
  test("are in the order of their previous_item_id", async () => {
    start();
    create(typed("two", "two"));
    create(typed("one", "one"), "root");
    create(typed("between", "between"), "one");
    create(typed("three", "three"));
    await respond();
    expect(session.all("conversation.item.added").map(({ item, previous_item_id }) => [item.id, previous_item_id])).toEqual([
      ["two", null],
      ["one", null],
      ["between", "one"],
      ["three", "two"],
      [done().output[0].id, "three"],
    ]);
    session.send({ type: "conversation.item.delete", item_id: "two" });
    session.type("go on");
    await respond();
    expect(told(opened.at(-1)).slice(0, 3)).toEqual(["user: one", "user: between", "user: three"]);
  });

  test("that are deleted are forgotten, also before they are answered, spoken ones, too", async () => {
    const heard: [string, number][] = [];
    start({ answer: ({ text, audioSamples }) => note(heard, [text, audioSamples]) });
    session.send({ type: "session.update", session: { audio: { input: { turn_detection: null } } } });
    session.speak(400);
    session.send({ type: "input_audio_buffer.commit" });
    create(typed("secret", "secret"));
    create(typed("public", "public"));
    await session.settle();
    session.send({ type: "conversation.item.delete", item_id: "secret" });
    session.send({ type: "conversation.item.delete", item_id: session.last("input_audio_buffer.committed").item_id });
    await respond();
    expect(heard).toEqual([["public", 0]]);
  });

  test("may be speech, and what an assistant said elsewhere", async () => {
    const heard: number[] = [];
    start({ answer: ({ audioSamples }) => note(heard, audioSamples) });
    create({ type: "message", role: "assistant", content: [{ type: "output_audio", audio: null, transcript: "Hello." }] });
    create({ type: "message", role: "user", content: [{ type: "input_audio", audio: tone(300) }] });
    await respond();
    expect(heard).toEqual([4_800]);
    expect(session.all("conversation.item.added").map(({ item }) => item.content)).toEqual([
      [{ type: "output_text", text: "Hello." }],
      [{ type: "input_audio", transcript: null }],
      [],
    ]);
  });

  test("that a client adds while an answer runs are answered by the next", async () => {
    start({ pace: "stepped" });
    session.type("one");
    await respond();
    session.type("two");
    session.engine.releaseAll();
    await session.settle();
    expect(text()).toBe("You say one.");
    await respond({ instructions: "Be brief." });
    expect(text()).toBe("You say two.");
    expect(told(opened.at(-1))).toEqual(["user: one", "assistant: You say one."]);
  });

  test("are looked up with the code that Pipecat expects when there is none", async () => {
    start();
    create(typed("one", "one"));
    session.send({ type: "conversation.item.retrieve", item_id: "one" });
    session.send({ type: "conversation.item.retrieve", event_id: "rci_two", item_id: "two" });
    await session.settle();
    expect(session.last("conversation.item.retrieved").item.content).toEqual([{ type: "input_text", text: "one" }]);
    expect(session.last("error").error).toMatchObject({ code: "item_retrieve_invalid_item_id", event_id: "rci_two" });
  });

  test("of the assistant can be truncated, and no other", async () => {
    start();
    create(typed("one", "one"));
    await respond();
    const item_id = done().output[0].id;
    session.send({ type: "conversation.item.truncate", item_id, content_index: 0, audio_end_ms: 40 });
    session.send({ type: "conversation.item.truncate", item_id: "one", content_index: 0, audio_end_ms: 40 });
    await session.settle();
    expect(session.last("conversation.item.truncated")).toMatchObject({ item_id, audio_end_ms: 40, content_index: 0 });
    expect(session.last("error").error.code).toBe("invalid_value");
  });

  test.each([
    [
      "an image",
      { type: "message", role: "user", content: [{ type: "input_image", image_url: "data:" }] },
      "unsupported_value",
      "item.content[0].type",
    ],
    [
      "audio of the assistant",
      { type: "message", role: "assistant", content: [{ type: "input_audio", audio: "AAAA" }] },
      "unsupported_value",
      "item.content[0].type",
    ],
    [
      "audio that is none",
      { type: "message", role: "user", content: [{ type: "input_audio" }] },
      "missing_required_parameter",
      "item.content[0].audio",
    ],
    ["an MCP call", { type: "mcp_call" }, "unsupported_value", "item.type"],
  ])("with %s are refused by the name of the field", async (_what, item, code, param) => {
    start();
    create(item);
    await session.settle();
    expect(session.last("error").error).toMatchObject({ code, param });
    expect(session.types()).not.toContain("conversation.item.added");
  });
});

describe("a conversation that outgrows the context", () => {
  const words = (n: number) => Array.from({ length: n }, (_, index) => `word${index}`).join(" ");
  const small = { info: { contextTokens: 400 } };

  test("loses its oldest turns and keeps its instructions; aloud.v1 is told which", async () => {
    start(small);
    session.send({ type: "session.update", session: { instructions: "Be kind." } });
    for (let turn = 0; turn < 8; turn++) {
      session.type(`turn ${turn} ${words(60)}`);
      await respond();
      expect(done().status).toBe("completed");
    }
    session.type("and now");
    await respond();
    const last = opened.at(-1);
    expect(last?.instructions).toBe("Be kind.");
    expect(told(last)[0]).toMatch(/^user: turn [3-7] /);
    const first = session.all("conversation.item.added")[0]?.item.id;
    session.send({ type: "conversation.item.retrieve", item_id: first });
    await session.settle();
    expect(session.last("conversation.item.retrieved").item.id).toBe(first);
  });

  test("is refused an answer where truncation is disabled, until items are deleted", async () => {
    start(small);
    session.send({ type: "session.update", session: { truncation: "disabled" } });
    create(typed(words(200), "long"));
    await respond();
    expect(done()).toMatchObject({ status: "failed", status_details: { error: { code: "context_length_exceeded" } } });
    session.send({ type: "conversation.item.delete", item_id: "long" });
    session.type("short");
    await respond();
    expect(text()).toBe("You say short.");
  });

  test("keeps as little as retention_ratio says", async () => {
    start(small);
    const truncation = { type: "retention_ratio", retention_ratio: 0.2, token_limits: { post_instructions: 100 } };
    session.send({ type: "session.update", session: { truncation } });
    for (let turn = 0; turn < 3; turn++) {
      session.type(`turn ${turn} ${words(60)}`);
      await respond();
    }
    session.type("and now");
    await respond();
    expect(session.last("session.updated").session.truncation).toEqual(truncation);
    expect(told(opened.at(-1))[0]).toMatch(/^user: turn 2 /);
  });
});

test("aloud.v1 is told what the model no longer knows", async () => {
  start({ info: { contextTokens: 100 } });
  await session.close();
  session = openTestSession({ info: { contextTokens: 100 }, answer: () => [{ channel: "answer", text: "Yes." }] }, "aloud");
  for (let turn = 0; turn < 4; turn++) {
    session.type(Array.from({ length: 30 }, () => "word").join(" "));
    await respond();
  }
  const added = session.all("conversation.item.added").map(({ item }) => item.id);
  const forgotten = session.all("aloud.context.truncated").flatMap(({ item_ids }) => item_ids);
  expect(forgotten.length).toBeGreaterThan(0);
  expect(added.slice(0, forgotten.length)).toEqual(forgotten);
  await session.close();
  start();
});
