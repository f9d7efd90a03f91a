/** Where thinking goes, and what is said of channels that were guessed. */
import type { Dialect } from "@aloud/client/protocol";
import type { ScriptedOptions } from "@aloud/engine/testing";
import { afterEach, expect, test } from "vitest";
import type { WireEvent } from "../helpers/client.ts";
import { readLegal } from "../helpers/event-grammar.ts";
import { openTestSession, type TestSession } from "../helpers/session.ts";

let session: TestSession;
let dialect: Dialect;
afterEach(() => {
  readLegal(dialect, session.events);
  return session.close();
});

/** As a model does that thinks in one text, with its channels sorted sentence by sentence. */
const guessing: ScriptedOptions = {
  answer: () => [
    { channel: "semantic", text: "They want light. ", isHeuristic: true },
    { channel: "acoustic", text: "A calm voice. ", isHeuristic: true },
    { channel: "semantic", text: "In the kitchen.", isHeuristic: true },
    { channel: "answer", text: "On." },
  ],
};
const start = (of: Dialect, script = guessing) => {
  dialect = of;
  session = openTestSession(script, of);
};
const kindsOf = (events: readonly WireEvent[]) => events.map(({ channel, heuristic }) => [channel, heuristic]);
const thinking = () => session.last("response.done").response.output[0];

test("a guessed channel says so in every delta, at its end and in the item, also when it was held back", async () => {
  start("aloud");
  session.speak(1_000);
  await session.settle();
  session.pause(200);
  await session.settle();
  expect(session.types()).not.toContain("response.created");
  session.pause(600);
  await session.settle();
  expect(session.last("response.done").response.timing).toMatchObject({ speculated: true });
  expect(kindsOf(session.all("response.reasoning_text.delta"))).toEqual([
    ["semantic", true],
    ["acoustic", true],
    ["semantic", true],
  ]);
  expect(session.all("response.reasoning_text.done")).toMatchObject([
    { channel: "semantic", content_index: 0, text: "They want light. In the kitchen.", heuristic: true },
    { channel: "acoustic", content_index: 1, text: "A calm voice. ", heuristic: true },
  ]);
  expect(thinking().content).toEqual([
    { type: "reasoning_text", channel: "semantic", text: "They want light. In the kitchen.", heuristic: true },
    { type: "reasoning_text", channel: "acoustic", text: "A calm voice. ", heuristic: true },
  ]);
});

test("a guessed channel says so beside the conversation, too", async () => {
  start("aloud");
  const input = [{ type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] }];
  session.send({ type: "response.create", response: { conversation: "none", input } });
  await session.settle();
  expect(kindsOf(thinking().content)).toEqual([
    ["semantic", true],
    ["acoustic", true],
  ]);
});

test("a channel that the model marked says nothing of it", async () => {
  start("aloud", { answer: () => [{ channel: "semantic", text: "Light." }] });
  session.type("hi");
  session.send({ type: "response.create" });
  await session.settle();
  expect(thinking().content).toEqual([{ type: "reasoning_text", channel: "semantic", text: "Light." }]);
  expect(JSON.stringify(session.events)).not.toContain("heuristic");
});

test("a stock client sees neither the thinking nor what is said of it", async () => {
  start("realtime");
  session.type("hi");
  session.send({ type: "response.create" });
  await session.settle();
  expect(session.last("response.done").response).toMatchObject({ status: "completed", output: [{ type: "message" }] });
  expect(JSON.stringify(session.events)).not.toMatch(/reasoning_text|heuristic/u);
});
