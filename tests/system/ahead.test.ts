/** An answer that begins before the thought is over, on the wire: two items are open at once, and stock clients notice nothing. */
import type { Dialect } from "@aloud/client/protocol";
import type { ScriptedStep } from "@aloud/engine/testing";
import { afterEach, describe, expect, test } from "vitest";
import { readLegal } from "../helpers/event-grammar.ts";
import { openTestSession, type TestSession } from "../helpers/session.ts";

const thought = (text: string, channel: "semantic" | "acoustic" = "semantic"): ScriptedStep => ({ channel, text });
const ahead = (text: string): ScriptedStep => ({ channel: "answer", text, isAhead: true });
const answer = (text: string): ScriptedStep => ({ channel: "answer", text });

let session: TestSession;
let dialect: Dialect;
afterEach(() => {
  readLegal(dialect, session.events);
  return session.close();
});

function start(steps: readonly ScriptedStep[], as: Dialect, pace: "free" | "stepped" = "free"): void {
  dialect = as;
  session = openTestSession({ answer: () => steps, pace }, as);
  session.type("hello");
  session.send({ type: "response.create", response: {} });
}
/** What a client is told of the response, in short. */
const told = () =>
  session.events
    .filter(({ type }) => type.startsWith("response."))
    .map(({ type, delta, item }) => [type.replace("response.", ""), delta ?? item?.type].filter(Boolean).join(" "));
const output = () => session.last("response.done").response.output;

describe("our own client", () => {
  test("sees thoughts go on beside the answer; thinking is done with the first words that know all of it", async () => {
    start([thought("They ask. "), ahead("It "), thought("A calm voice. ", "acoustic"), ahead("rains."), answer(" Take care.")], "aloud");
    await session.settle();
    expect(told()).toEqual([
      "created",
      "output_item.added reasoning",
      "reasoning_text.delta They ask. ",
      "output_item.added message",
      "content_part.added",
      "output_text.delta It ",
      "reasoning_text.delta A calm voice. ",
      "output_text.delta rains.",
      "reasoning_text.done",
      "reasoning_text.done",
      "output_item.done reasoning",
      "output_text.delta  Take care.",
      "output_text.done",
      "content_part.done",
      "output_item.done message",
      "done",
    ]);
    expect(output()).toMatchObject([
      { type: "reasoning", status: "completed", content: [{ text: "They ask. " }, { text: "A calm voice. " }] },
      { type: "message", status: "completed", content: [{ text: "It rains. Take care." }] },
    ]);
  });

  test("sees thoughts that come after the last word, and the items in the order in which they began", async () => {
    start([ahead("It rains."), thought("They ask. "), thought("So it is.")], "aloud");
    await session.settle();
    expect(output()).toMatchObject([
      { type: "message", status: "completed" },
      { type: "reasoning", status: "completed", content: [{ text: "They ask. So it is." }] },
    ]);
    expect(session.all("response.output_item.added").map(({ output_index, item }) => [output_index, item.type])).toEqual([
      [0, "message"],
      [1, "reasoning"],
    ]);
  });

  test("is told when each began, and that both stopped when it is cancelled", async () => {
    start([thought("They ask. "), ahead("It "), thought("A calm voice. "), ahead("rains.")], "aloud", "stepped");
    await session.settle();
    for (let n = 0; n < 3; n += 1) {
      session.clock.advance(100);
      session.engine.release();
      await session.settle();
    }
    session.send({ type: "response.cancel" });
    await session.settle();
    expect(output()).toMatchObject([
      { type: "reasoning", status: "incomplete", content: [{ text: "They ask. A calm voice. " }] },
      { type: "message", status: "incomplete", content: [{ text: "It " }] },
    ]);
    expect(session.last("response.done").response.timing).toMatchObject({ first_thought_ms: 100, first_answer_ms: 200, done_ms: 300 });
  });
});

test("a stock client sees what it would see of an answer without thinking", async () => {
  start([thought("They ask. "), ahead("It "), thought("A calm voice. "), ahead("rains."), answer(" Take care.")], "realtime");
  await session.settle();
  const seen = told();
  await session.close();
  start([answer("It "), answer("rains."), answer(" Take care.")], "realtime");
  await session.settle();
  expect(seen).toEqual(told());
});
