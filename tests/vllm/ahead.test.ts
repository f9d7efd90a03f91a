/** An answer that begins before the thought is over, on servers that speak as the recorded one does. */
import type { ConversationSetup, GenerateEvent, GenerateRequest } from "@aloud/engine";
import { openVllmEngine, type PromptReport, type VllmOptions } from "@aloud/engine/vllm";
import { describe, expect, test } from "vitest";
import { pseudoSpeech } from "../../engine/src/testing/pseudo-audio.ts";
import type { Request } from "./fake/prompt.ts";
import { RECORDED_THOUGHT } from "./fake/script.ts";
import { type FakeOptions, startFakeVllm } from "./fake/server.ts";
import { cleanUp, collect, converse, NEVER, REQUEST, start, textOf, turn, until } from "./replica-set.ts";

const THOUGHT = RECORDED_THOUGHT.join("");
const AHEAD = { thinkAheadTokens: 8 };
const ANSWER = /^Sure! \w+ looks fine,\u200b with some light wind near noon$/u;

const prefillOf = ({ messages }: Request): string => (messages.at(-1).role === "assistant" ? messages.at(-1).content : "");
const isAnswering = (request: Request) => prefillOf(request).includes("</think>");
const isWarmUp = ({ max_tokens: maxTokens }: Request) => maxTokens === 1;
const thoughtOf = (events: readonly GenerateEvent[]) => textOf(events, "semantic", "acoustic");
const answerOf = (events: readonly GenerateEvent[]) => textOf(events, "answer");
const endOf = (events: readonly GenerateEvent[]) => {
  const last = events.at(-1);
  if (last?.type !== "end") throw new Error("the last event is no end");
  return last;
};

/** A server whose thinking and answering requests wait, each until it may make another token. */
async function open(fakeOptions: FakeOptions = {}, options: Partial<VllmOptions> = AHEAD, setup: ConversationSetup = {}) {
  const allowed = { thinking: Number.POSITIVE_INFINITY, answering: Number.POSITIVE_INFINITY };
  const pace = async (request: Request) => {
    const kind = isAnswering(request) ? "answering" : "thinking";
    if (isWarmUp(request)) return;
    await until(() => allowed[kind] > 0);
    allowed[kind] -= 1;
    // What was written has left before.
    await turn();
  };
  const fake = await startFakeVllm({ pace, ...fakeOptions });
  const reports: PromptReport[] = [];
  const engine = openVllmEngine({
    url: fake.url,
    temperature: 0,
    retryMs: 5,
    onPrompt: (report) => reports.push(report),
    ...options,
  });
  cleanUp.push(
    () => fake.kill(),
    () => engine.close(),
  );
  const conversation = await engine.open(setup);
  const hear = (ms: number) => conversation.append({ type: "audio", samples: pseudoSpeech(ms, 1) });
  await hear(1_000);
  fake.requests.length = 0;
  const events: GenerateEvent[] = [];
  const generate = (request: Partial<GenerateRequest> = {}, signal: AbortSignal = NEVER) =>
    collect(conversation.generate({ ...REQUEST, ...request }, signal), (event) => events.push(event));
  return { fake, engine, conversation, allowed, reports, events, generate, hear };
}

describe("when enough was thought", () => {
  test("the answer begins in a second request, from the last whole words, and the thought goes on beside it", async () => {
    const { fake, allowed, events, generate } = await open();
    allowed.thinking = 8;
    const answered = generate();
    await until(() => answerOf(events) !== "" && fake.running === 1);
    expect(fake.requests.map(prefillOf)).toEqual([
      "<think>\n",
      expect.stringMatching(/^<think>\nThe speaker sounds calm and asks about\n<\/think>\n\n$/u),
    ]);
    expect(answerOf(events)).toMatch(ANSWER);
    expect(events.every((event) => event.type === "delta" && event.isAhead === true)).toBe(true);
    allowed.thinking = Number.POSITIVE_INFINITY;
    const all = await answered;
    expect(endOf(all).reason).toBe("stop");
    expect(thoughtOf(all).replace(/about \w+\./u, "about tomorrow.")).toBe(THOUGHT);
    expect(answerOf(all)).toMatch(ANSWER);
    // The last word is the whole thought's.
    expect(prefillOf(fake.requests.at(-1))).toBe(`<think>\n${thoughtOf(all)}\n</think>\n\n${answerOf(all)}`);
    expect(fake.requests).toHaveLength(3);
  });

  test("what it says after the thought knows all of it", async () => {
    const script: FakeOptions["script"] = ({ prefill }) => ({
      thought: ["It", " is", ".", " No", " wait", ",", " it", " is", " Canberra", "."],
      answer: prefill.includes("Canberra")
        ? ["A", " city", ".", " It", " is", " Canberra", "."]
        : ["A", " city", ".", " It", " is", " Sydney", "."],
    });
    const { allowed, events, generate } = await open({ script }, { thinkAheadTokens: 3 });
    allowed.thinking = 3;
    allowed.answering = 3;
    const answered = generate();
    await until(() => answerOf(events) === "A city.");
    allowed.thinking = Number.POSITIVE_INFINITY;
    await until(() => thoughtOf(events).endsWith("Canberra."));
    allowed.answering = Number.POSITIVE_INFINITY;
    expect(answerOf(await answered)).toBe("A city. It is Canberra.");
  });

  test("usage is the thinking request's prompt, and all tokens of both", async () => {
    const [plain, ahead] = [await open({}, { thinkAheadTokens: 30 }), await open()];
    const usages = [endOf(await plain.generate()).usage, endOf(await ahead.generate()).usage];
    expect(plain.fake.requests).toHaveLength(1);
    expect(ahead.fake.requests.length).toBeGreaterThan(1);
    const { promptTokens, prefilledTokens, audioTokens, thinkTokens } = usages[0] ?? {};
    expect(usages[1]).toMatchObject({ promptTokens, prefilledTokens, audioTokens, thinkTokens });
    expect(ahead.reports).toEqual([expect.objectContaining({ promptTokens })]);
    // The line break between thought and answer is a token of the answer only where one request made both.
    expect((usages[0]?.answerTokens ?? 0) - (usages[1]?.answerTokens ?? 0)).toBeLessThanOrEqual(1);
  });

  test("history has what was said, once", async () => {
    const { fake, conversation, generate } = await open();
    const said = answerOf(await generate());
    await conversation.append({ type: "text", role: "user", text: "and then?" });
    await generate();
    const next = fake.requests.findLast((request) => prefillOf(request) === "<think>\n");
    const assistants = next.messages.slice(0, -1).filter(({ role }: { role: string }) => role === "assistant");
    expect(assistants).toEqual([{ role: "assistant", content: said }]);
  });
});

describe("there is no second request", () => {
  const count = async (options: Partial<VllmOptions>, request: Partial<GenerateRequest> = {}, setup: ConversationSetup = {}) => {
    const { fake, generate } = await open({}, options, setup);
    return { events: await generate(request), requests: fake.requests.length };
  };

  test("unless it was asked for", async () => {
    const { events, requests } = await count({});
    expect(requests).toBe(1);
    expect(events.some((event) => event.type === "delta" && event.isAhead)).toBe(false);
  });

  test("when the thought is over before, or just then", async () => {
    expect((await count({ thinkAheadTokens: RECORDED_THOUGHT.length + 1 })).requests).toBe(1);
    // The budget closes the thought: the second request is the one that answers anyway.
    const { events, requests } = await count({ thinkAheadTokens: 5 }, { maxThinkTokens: 5 });
    expect(requests).toBe(2);
    expect(events.some((event) => event.type === "delta" && event.isAhead)).toBe(false);
  });

  test("without thinking", async () => {
    expect((await count({ thinkAheadTokens: 1 }, { mode: "direct", maxThinkTokens: 0 })).requests).toBe(1);
  });

  test("when a call is demanded", async () => {
    const { requests } = await count(AHEAD, { toolChoice: "required" }, { tools: [{ name: "set_light" }] });
    expect(requests).toBe(1);
  });

  test("on a server that has more to do than it can", async () => {
    const all = await start(1, AHEAD);
    const { home, hear, answer } = await converse(all);
    await hear(1_000);
    home.fake.setMetrics({ waiting: 2 });
    await all.pass(6);
    home.fake.requests.length = 0;
    expect(endOf(await answer()).reason).toBe("stop");
    expect(home.fake.requests).toHaveLength(1);
  });
});

test.each([0, -1, 2.5, Number.NaN])("thinkAheadTokens of %s is refused", (thinkAheadTokens) => {
  expect(() => openVllmEngine({ url: "http://127.0.0.1:1", thinkAheadTokens })).toThrow(/thinkAheadTokens: expected an integer/u);
});

test("an abort ends both requests, and what was said stays", async () => {
  const words = (count: number, what: string) => Array.from({ length: count }, (_, n) => ` ${what}${n}`);
  const { fake, allowed, events, generate, conversation } = await open({
    script: () => ({ thought: words(2_000, "t"), answer: words(2_000, "a") }),
  });
  allowed.thinking = 10;
  allowed.answering = 4;
  const abort = new AbortController();
  const answered = generate({ maxThinkTokens: 2_000, maxAnswerTokens: 2_000 }, abort.signal);
  await until(() => answerOf(events) === "a0 a1 a2 a3");
  expect(fake.running).toBe(2);
  abort.abort();
  expect(endOf(await answered)).toMatchObject({ reason: "aborted", usage: { answerTokens: 4 } });
  allowed.thinking = allowed.answering = 1_000;
  await until(() => fake.running === 0);
  // Neither went on to its end.
  expect(Math.min(allowed.thinking, allowed.answering)).toBeGreaterThan(900);
  allowed.thinking = allowed.answering = Number.POSITIVE_INFINITY;
  await conversation.append({ type: "text", role: "user", text: "go on" });
  await generate();
  expect(JSON.stringify(fake.requests.at(-1))).toContain('"a0 a1 a2 a3"');
});

describe("an answer that its length cuts", () => {
  test("waits for the thought, and goes on from all of it", async () => {
    const { fake, generate } = await open();
    const first = await generate({ maxAnswerTokens: 5 });
    expect(endOf(first)).toMatchObject({ reason: "length", usage: { answerTokens: 5 } });
    expect(thoughtOf(first).replace(/about \w+\./u, "about tomorrow.")).toBe(THOUGHT);
    const rest = await generate({ mode: "direct", maxThinkTokens: 0 });
    expect(answerOf(first) + answerOf(rest)).toMatch(ANSWER);
    expect(prefillOf(fake.requests.at(-1))).toBe(`<think>\n${thoughtOf(first)}\n</think>\n\n${answerOf(first)}`);
  });

  test("goes round in circles: it ends with the thought, and going on gives nothing", async () => {
    const script: FakeOptions["script"] = () => ({ thought: RECORDED_THOUGHT, answer: Array.from({ length: 200 }, () => " no") });
    const { generate } = await open({ script });
    const first = await generate({ maxAnswerTokens: 100 });
    expect(thoughtOf(first)).toBe(THOUGHT);
    expect(endOf(first).reason).toBe("length");
    expect(endOf(first).usage.answerTokens).toBeLessThan(30);
    expect(await generate({ mode: "direct" })).toMatchObject([{ type: "end", reason: "length", usage: { answerTokens: 0 } }]);
  });
});

test("a thought that goes round in circles is closed, and the answer that began goes on from it", async () => {
  const script: FakeOptions["script"] = () => ({ thought: Array.from({ length: 60 }, () => " why"), answer: ["Yes", "."] });
  const events = await (await open({ script })).generate();
  expect(answerOf(events)).toBe("Yes.");
  expect(endOf(events)).toMatchObject({ reason: "stop" });
  expect(endOf(events).usage.thinkTokens).toBeLessThan(30);
});

describe("with tools", () => {
  const tools = [{ name: "set_light", parameters: { type: "object", properties: { on: { type: "boolean" } } } }];
  const call = { name: "set_light", arguments: ['{"on": ', "true}"] };

  test("a call that half a thought wants is not made: it is asked for again from the whole one", async () => {
    const script: FakeOptions["script"] = () => ({ thought: RECORDED_THOUGHT, answer: [], call });
    const { fake, generate, events, allowed } = await open({ script }, AHEAD, { tools });
    allowed.thinking = 8;
    const answered = generate();
    await until(() => fake.requests.length === 2 && fake.running === 1);
    expect(events.some(({ type }) => type === "tool_call")).toBe(false);
    allowed.thinking = Number.POSITIVE_INFINITY;
    const all = await answered;
    expect(all.filter(({ type }) => type === "tool_call")).toEqual([{ type: "tool_call", name: "set_light", arguments: '{"on": true}' }]);
    expect(thoughtOf(all)).toBe(THOUGHT);
    expect(endOf(all).reason).toBe("stop");
  });

  test("words that were said ahead stay before the call that the whole thought makes", async () => {
    const script: FakeOptions["script"] = ({ prefill }) =>
      prefill.includes("briefly")
        ? { thought: RECORDED_THOUGHT, answer: [], call }
        : { thought: RECORDED_THOUGHT, answer: ["One", " moment", "."] };
    const { fake, generate, conversation, allowed, events } = await open({ script }, AHEAD, { tools });
    allowed.thinking = 8;
    const answered = generate();
    await until(() => answerOf(events) === "One moment.");
    allowed.thinking = Number.POSITIVE_INFINITY;
    const all = await answered;
    expect(answerOf(all)).toBe("One moment.");
    expect(all.filter(({ type }) => type === "tool_call")).toHaveLength(1);
    await conversation.append({ type: "text", role: "tool", text: "ok" });
    await generate();
    const told = fake.requests.findLast((request) => prefillOf(request) === "<think>\n").messages;
    expect(told.slice(-3, -1)).toMatchObject([
      { role: "assistant", content: "One moment.", tool_calls: [{ function: { name: "set_light" } }] },
      { role: "tool", content: "ok" },
    ]);
  });
});

describe("a server that is killed while both run", () => {
  test.each(["thinking", "answering"])(
    "at a token of the %s request: the other goes on, and no word is lost or comes twice",
    async (kind) => {
      for (const at of [1, 5, 9]) {
        const counts = { thinking: 0, answering: 0 };
        let killed = false;
        const onToken: ((request: Request) => Promise<void>)[] = [];
        const all = await start(
          2,
          AHEAD,
          [0, 1].map((n) => ({ pace: async (request: Request) => onToken[n]?.(request) })),
        );
        const { home, other, hear, answer } = await converse(all);
        await hear(1_000);
        onToken[all.servers.indexOf(home)] = async (request) => {
          const what = isAnswering(request) ? "answering" : "thinking";
          counts[what] += 1;
          if (
            !killed &&
            counts.thinking >= 9 &&
            counts.answering >= 1 &&
            counts[kind as "thinking"] >= at + (kind === "thinking" ? 9 : 0)
          ) {
            killed = true;
            await home.fake.kill();
          }
          await turn();
          await turn();
        };
        const events = await answer();
        expect(killed).toBe(true);
        expect(endOf(events).reason).toBe("stop");
        expect(thoughtOf(events).replace(/about \w+\./u, "about tomorrow.")).toBe(THOUGHT);
        expect(answerOf(events)).toMatch(ANSWER);
        expect(other.fake.requests.length).toBeGreaterThan(0);
        expect(all.moves).toMatchObject([{ reason: "failover" }]);
      }
    },
  );

  test("a second request that is refused costs nothing, and moves nothing", async () => {
    const all = await start(2, AHEAD);
    const { home, hear, answer } = await converse(all);
    await hear(1_000);
    let tokens = 0;
    home.onToken = async () => {
      tokens += 1;
      home.fake.setBusy(tokens > 2);
      await turn();
    };
    const events = await answer();
    expect(home.fake.requests.some(isAnswering)).toBe(true);
    expect(events.some((event) => event.type === "delta" && event.isAhead)).toBe(false);
    expect(answerOf(events)).toMatch(ANSWER);
    expect(all.moves).toEqual([]);
  });
});
