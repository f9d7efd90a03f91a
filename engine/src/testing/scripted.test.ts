import { AloudError } from "@aloud/client/protocol";
import { expect, test } from "vitest";
import type { GenerateEvent, GenerateRequest } from "../engine.ts";
import { describeEngine } from "./contract.ts";
import { openScriptedEngine, type ScriptedStep } from "./scripted.ts";

const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 9, maxAnswerTokens: 9 };
const NEVER = new AbortController().signal;

describeEngine("the scripted engine", () => openScriptedEngine());
describeEngine(
  "the scripted engine that calls a tool",
  () =>
    openScriptedEngine({
      answer: ({ tools, toolResults }) => {
        const [name] = tools;
        if (name === undefined || toolResults.length > 0)
          return ["All", "is", "done."].map((text) => ({ channel: "answer", text }) as const);
        return [
          { channel: "semantic", text: "They want light." },
          { type: "tool_call", name, arguments: '{"on":true}' },
        ];
      },
    }),
  { tool: { name: "set_light" }, ask: "light please", result: "ok" },
);

async function ask(steps: readonly ScriptedStep[], pace: "free" | "stepped" = "free") {
  const engine = openScriptedEngine({ answer: () => steps, pace });
  const conversation = await engine.open({});
  await conversation.append({ type: "text", role: "user", text: "hello" });
  const events: GenerateEvent[] = [];
  const stream = conversation.generate(REQUEST, NEVER)[Symbol.asyncIterator]();
  const read = async () => {
    const next = await stream.next();
    if (!next.done) events.push(next.value);
    return next.done === true;
  };
  return { engine, conversation, events, read };
}

test("release() lets as many steps go as it is told", async () => {
  const { engine, events, read } = await ask(
    [
      { channel: "answer", text: "a" },
      { channel: "answer", text: "b" },
    ],
    "stepped",
  );
  engine.release();
  await read();
  expect(events).toEqual([{ type: "delta", channel: "answer", text: "a", tokens: 1 }]);
  const second = read();
  engine.release();
  await second;
  expect(events).toHaveLength(2);
});

test("a step that fails, fails its call and no other", async () => {
  const { conversation, read } = await ask([{ fail: new AloudError("engine_failed", "as scripted") }]);
  await expect(read()).rejects.toMatchObject({ code: "engine_failed" });
  await expect(conversation.append({ type: "text", role: "user", text: "again" })).resolves.toMatchObject({ tokens: 2 });
});

test("a step may end the answer with a reason, and a transcript may have a confidence", async () => {
  const { events, read } = await ask([{ transcript: "hello", confidence: 0.5 }, { end: "invalid_tool_call" }]);
  while (!(await read()));
  expect(events).toMatchObject([
    { type: "transcript", text: "hello", confidence: 0.5 },
    { type: "end", reason: "invalid_tool_call" },
  ]);
});

test("crash() ends every call, a stalled one too, and new conversations can be opened", async () => {
  const { engine, conversation, read } = await ask(["stall"]);
  const stalled = read();
  engine.crash();
  await expect(stalled).rejects.toMatchObject({ code: "engine_unavailable", retryable: true });
  await expect(conversation.append({ type: "text", role: "user", text: "hello" })).rejects.toMatchObject({ code: "engine_unavailable" });
  await expect((await engine.open({})).append({ type: "text", role: "user", text: "hello" })).resolves.toMatchObject({ tokens: 1 });
});

test("open() waits while it loads, and rejects with what loading failed with", async () => {
  const engine = openScriptedEngine({ loading: true });
  const opened = engine.open({});
  engine.finishLoading();
  await opened;
  engine.startLoading(0.5);
  const refused = engine.open({});
  engine.failLoading(new AloudError("model_file_missing", "as scripted"));
  await expect(refused).rejects.toMatchObject({ code: "model_file_missing" });
});

test("open() beyond maxConversations is refused", async () => {
  const engine = openScriptedEngine({ maxConversations: 1 });
  await engine.open({});
  await expect(engine.open({})).rejects.toMatchObject({ code: "engine_busy", retryable: true });
});

test("user texts that a conversation is opened with are answered, what came before is history", async () => {
  const seen: string[] = [];
  const engine = openScriptedEngine({
    answer: (turn) => {
      seen.push(turn.text);
      return [];
    },
  });
  const conversation = await engine.open({
    items: [
      { type: "text", role: "user", text: "set a timer" },
      { type: "text", role: "assistant", text: "For how long?" },
      { type: "text", role: "user", text: "five minutes" },
    ],
  });
  for await (const event of conversation.generate(REQUEST, NEVER)) {
    expect(event).toMatchObject({ type: "end", usage: { promptTokens: 8 } });
  }
  expect(seen).toEqual(["five minutes"]);
});
