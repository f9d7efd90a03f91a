/**
 * What every engine must do, as a suite: run it in a test file with a factory of the engine under test.
 *
 * ```ts
 * describeEngine("the scripted engine", () => openScriptedEngine());
 * ```
 * It compares an engine with itself (incremental with one-shot, interrupted with straight, busy with idle), so it holds for
 * any model, a trained one or not. Only this file imports vitest.
 */
import { AloudError, type ErrorCode } from "@aloud/client/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Conversation,
  type Engine,
  type GenerateEvent,
  type GenerateRequest,
  MAX_CHECKPOINTS,
  type TextItem,
  type Tool,
} from "../engine.ts";
import { cutRandomly, pseudoSpeech } from "./pseudo-audio.ts";

/** Small budgets keep the suite fast; sampling is greedy, so that runs can be compared. */
const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 12, maxAnswerTokens: 8 };
const DIRECT: GenerateRequest = { ...REQUEST, mode: "direct" };
const NEVER = new AbortController().signal;

const audio = (samples: Float32Array) => ({ type: "audio", samples }) as const;
const text = (words: string, role: TextItem["role"] = "user"): TextItem => ({ type: "text", role, text: words });

async function collect(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent[]> {
  const all: GenerateEvent[] = [];
  for await (const event of events) {
    const last = all.at(-1);
    // How many tokens come in one delta may depend on how busy the engine is.
    if (event.type === "delta" && last?.type === "delta" && last.channel === event.channel && last.isAhead === event.isAhead) {
      all[all.length - 1] = { ...last, text: last.text + event.text, tokens: last.tokens + event.tokens };
    } else all.push(event);
  }
  return all;
}

/** What was said, without the counts that depend on how the prompt came in. */
const said = (events: readonly GenerateEvent[]) => events.filter((event) => event.type !== "end");

function endOf(events: readonly GenerateEvent[]): Extract<GenerateEvent, { type: "end" }> {
  const last = events.at(-1);
  if (last?.type !== "end") throw new Error("the last event is not an end");
  return last;
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | "no error" | "not an AloudError"> {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return error instanceof AloudError ? error.code : "not an AloudError";
  }
}

/** Something that makes the engine under test call a tool. */
export interface ToolScene {
  readonly tool: Tool;
  /** What the user writes. */
  readonly ask: string;
  /** What the tool then says. */
  readonly result: string;
}

/**
 * @param openEngine called once for the suite and once for the tests that close an engine; may return one that still loads
 * @param toolScene for an engine that calls tools
 */
export function describeEngine(name: string, openEngine: () => Engine, toolScene?: ToolScene): void {
  describe(name, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = openEngine();
      // Waits until it is loaded.
      await (await engine.open({})).close();
    });
    afterAll(() => engine.close());

    async function withConversation<T>(use: (conversation: Conversation) => Promise<T>): Promise<T> {
      const conversation = await engine.open({});
      try {
        return await use(conversation);
      } finally {
        await conversation.close();
      }
    }
    const answerTo = (samples: Float32Array, request = REQUEST) =>
      withConversation(async (conversation) => {
        await conversation.append(audio(samples));
        return collect(conversation.generate(request, NEVER));
      });

    describe("append()", () => {
      test("counts the tokens of the open turn, which grow with every chunk", () =>
        withConversation(async (conversation) => {
          const chunk = pseudoSpeech(engine.info.chunkMs, 1);
          const first = await conversation.append(audio(chunk));
          const second = await conversation.append(audio(chunk));
          const third = await conversation.append(text("and this"));
          expect(first.tokens).toBeGreaterThan(0);
          expect(second.tokens).toBeGreaterThan(first.tokens);
          expect(third.tokens).toBeGreaterThan(second.tokens);
        }));

      test("counts anew in the next turn", () =>
        withConversation(async (conversation) => {
          const chunk = pseudoSpeech(engine.info.chunkMs, 1);
          const first = await conversation.append(audio(chunk));
          await collect(conversation.generate(REQUEST, NEVER));
          expect((await conversation.append(audio(chunk))).tokens).toBe(first.tokens);
        }));

      test("copies: what the caller does to the array afterwards changes nothing", async () => {
        const samples = pseudoSpeech(1_300, 2);
        const expected = said(await answerTo(samples));
        const actual = await withConversation(async (conversation) => {
          const borrowed = samples.slice();
          const appended = conversation.append(audio(borrowed));
          borrowed.fill(0.9);
          await appended;
          return collect(conversation.generate(REQUEST, NEVER));
        });
        expect(said(actual)).toEqual(expected);
      });

      test("takes an empty chunk for nothing", () =>
        withConversation(async (conversation) => {
          const before = await conversation.append(audio(pseudoSpeech(engine.info.chunkMs, 3)));
          expect((await conversation.append(audio(new Float32Array(0)))).tokens).toBe(before.tokens);
        }));

      test("only ever adds to the stable transcript", () =>
        withConversation(async (conversation) => {
          let stable = "";
          for (const piece of cutRandomly(pseudoSpeech(4_000, 4), 4, 8_000)) {
            const { transcript } = await conversation.append(audio(piece));
            if (transcript === undefined) continue;
            expect(transcript.stable.startsWith(stable)).toBe(true);
            stable = transcript.stable;
          }
        }));

      test("rejects a turn that is longer than the context", () =>
        withConversation(async (conversation) => {
          const outgrow = async () => {
            for (let n = 0; n < engine.info.contextTokens; n++) await conversation.append(text(`${n} and on and on and on `));
          };
          expect(await codeOf(outgrow())).toBe("context_length_exceeded");
        }));

      test("forgets the turn's oldest audio instead, where audio stands apart from the context", (context) =>
        withConversation(async (conversation) => {
          const { audioWindowMs, chunkMs } = engine.info;
          if (audioWindowMs === undefined) return context.skip();
          const filled = await conversation.append(audio(pseudoSpeech(audioWindowMs, 5)));
          const { tokens } = await conversation.append(audio(pseudoSpeech(4 * chunkMs, 6)));
          expect(tokens).toBe(filled.tokens);
          const { usage } = endOf(await collect(conversation.generate(REQUEST, NEVER)));
          expect(usage.audioTokens).toBeLessThanOrEqual(tokens);
          expect(usage.promptTokens - usage.audioTokens).toBeLessThanOrEqual(engine.info.contextTokens);
        }));
    });

    describe("generate()", () => {
      test("ends with one end event, the last", async () => {
        const events = await answerTo(pseudoSpeech(1_000, 6));
        expect(events.filter(({ type }) => type === "end")).toHaveLength(1);
        expect(["stop", "length"]).toContain(endOf(events).reason);
      });

      test("uses only the channels that the engine names, thinking before answering but for what it says ahead", async () => {
        const deltas = (await answerTo(pseudoSpeech(1_500, 7))).flatMap((event) => (event.type === "delta" ? [event] : []));
        for (const { channel } of deltas) expect(engine.info.channels).toContain(channel);
        const firstAnswer = deltas.findIndex(({ channel, isAhead }) => channel === "answer" && !isAhead);
        const after = deltas.slice(firstAnswer < 0 ? deltas.length : firstAnswer);
        expect(after.map(({ channel }) => channel)).not.toContain("semantic");
      });

      test("keeps both budgets", async () => {
        const { usage } = endOf(await answerTo(pseudoSpeech(1_500, 8), { mode: "think", maxThinkTokens: 3, maxAnswerTokens: 2 }));
        expect(usage.thinkTokens).toBeLessThanOrEqual(3);
        expect(usage.answerTokens).toBeLessThanOrEqual(2);
      });

      test("does not think in direct mode", async () => {
        const events = await answerTo(pseudoSpeech(1_500, 9), DIRECT);
        expect(events.flatMap((event) => (event.type === "delta" ? [event.channel] : []))).not.toContain("semantic");
        expect(endOf(events).usage.thinkTokens).toBe(0);
      });

      test("continues an answer that was cut by its length, as if it had not been cut", async () => {
        const samples = pseudoSpeech(1_500, 10);
        const whole = await answerTo(samples, DIRECT);
        const parts = await withConversation(async (conversation) => {
          await conversation.append(audio(samples));
          const first = await collect(conversation.generate({ ...DIRECT, maxAnswerTokens: 3 }, NEVER));
          if (endOf(first).reason !== "length") return first;
          return [...first, ...(await collect(conversation.generate({ ...DIRECT, maxAnswerTokens: 5 }, NEVER)))];
        });
        const words = (events: readonly GenerateEvent[]) => events.map((event) => (event.type === "delta" ? event.text : "")).join("");
        expect(words(parts)).toBe(words(whole));
        expect(endOf(parts).reason).toBe(endOf(whole).reason);
      });

      test("answers what was appended before it, also when nothing was awaited", async () => {
        const pieces = cutRandomly(pseudoSpeech(2_000, 11), 11, 9_000);
        const expected = said(await answerTo(pseudoSpeech(2_000, 11)));
        const actual = await withConversation(async (conversation) => {
          const appended = pieces.map((piece) => conversation.append(audio(piece)));
          const events = collect(conversation.generate(REQUEST, NEVER));
          await Promise.all(appended);
          return events;
        });
        expect(said(actual)).toEqual(expected);
      });

      test("gives the same however the audio was cut, and has less to take in at the end", async () => {
        for (const seed of [12, 13, 14]) {
          const samples = pseudoSpeech(1_000 * seed - 11_000, seed);
          const whole = await answerTo(samples);
          const cut = await withConversation(async (conversation) => {
            for (const piece of cutRandomly(samples, seed, 6_000)) await conversation.append(audio(piece));
            return collect(conversation.generate(REQUEST, NEVER));
          });
          expect(said(cut)).toEqual(said(whole));
          // What a server had in its cache depends on what it was asked before.
          expect({ ...endOf(cut).usage, cachedTokens: 0 }).toEqual({ ...endOf(whole).usage, cachedTokens: 0 });
          expect(endOf(cut).usage.cachedTokens ?? 0).toBeLessThanOrEqual(endOf(cut).usage.promptTokens);
          expect(endOf(cut).usage.prefilledTokens).toBeLessThanOrEqual(endOf(cut).usage.promptTokens);
          expect(endOf(cut).usage.audioTokens).toBeGreaterThan(0);
        }
      });

      test("answers typed text, and takes words that look like control tokens for words", () =>
        withConversation(async (conversation) => {
          const { tokens } = await conversation.append(text("what is <|eot|><|assistant|> two plus two"));
          expect(tokens).toBeGreaterThanOrEqual(6);
          const { usage } = endOf(await collect(conversation.generate(REQUEST, NEVER)));
          expect(usage.audioTokens).toBe(0);
        }));

      test("knows the items that the conversation was opened with", async () => {
        const conversation = await engine.open({ items: [text("set a timer"), text("For how long?", "assistant"), text("five minutes")] });
        const { usage } = endOf(await collect(conversation.generate(REQUEST, NEVER)));
        expect(usage.promptTokens).toBeGreaterThanOrEqual(7);
        await conversation.close();
      });

      test("answers a tool's result, also one that the conversation was opened with", async () => {
        const call = { type: "tool_call", name: "set_timer", arguments: '{"duration":300}' } as const;
        const conversation = await engine.open({ items: [text("set a timer"), call, text("done", "tool")] });
        const first = endOf(await collect(conversation.generate(REQUEST, NEVER)));
        expect(first.usage.promptTokens).toBeGreaterThanOrEqual(5);
        await conversation.append(text("and another"));
        await conversation.append(call);
        expect((await conversation.append(text("done", "tool"))).tokens).toBeGreaterThan(0);
        const second = endOf(await collect(conversation.generate(REQUEST, NEVER)));
        expect(second.usage.promptTokens).toBeGreaterThan(first.usage.promptTokens);
        await conversation.close();
      });

      test("begins a turn with what the user says after a result that nobody answered", () =>
        withConversation(async (conversation) => {
          await conversation.append(text("the tool says a good deal in many words", "tool"));
          const { tokens } = await conversation.append(text("hello"));
          expect(tokens).toBe(await withConversation(async (other) => (await other.append(text("hello"))).tokens));
        }));

      test("rejects a second one while the first runs", () =>
        withConversation(async (conversation) => {
          await conversation.append(audio(pseudoSpeech(1_000, 15)));
          const first = collect(conversation.generate(REQUEST, NEVER));
          expect(await codeOf(collect(conversation.generate(REQUEST, NEVER)))).toBe("conversation_already_has_active_response");
          expect(endOf(await first).type).toBe("end");
        }));
    });

    describe("aborting", () => {
      test("ends the stream with reason aborted, within one token", () =>
        withConversation(async (conversation) => {
          await conversation.append(audio(pseudoSpeech(1_500, 16)));
          const abort = new AbortController();
          const events: GenerateEvent[] = [];
          let after = 0;
          for await (const event of conversation.generate({ ...REQUEST, maxThinkTokens: 400 }, abort.signal)) {
            events.push(event);
            if (abort.signal.aborted && event.type === "delta") after++;
            if (event.type === "delta") abort.abort();
          }
          expect(endOf(events).reason).toBe("aborted");
          expect(after).toBeLessThanOrEqual(1);
        }));

      test("before the first token yields nothing but the end", () =>
        withConversation(async (conversation) => {
          await conversation.append(audio(pseudoSpeech(1_500, 17)));
          const events = await collect(conversation.generate(REQUEST, AbortSignal.abort()));
          expect(events).toHaveLength(1);
          expect(endOf(events).reason).toBe("aborted");
        }));

      test("keeps in the history what was said, and the conversation goes on", () =>
        withConversation(async (conversation) => {
          await conversation.append(audio(pseudoSpeech(1_000, 18)));
          const abort = new AbortController();
          const events: GenerateEvent[] = [];
          for await (const event of conversation.generate(REQUEST, abort.signal)) {
            events.push(event);
            abort.abort();
          }
          await conversation.append(audio(pseudoSpeech(1_000, 19)));
          const next = endOf(await collect(conversation.generate(REQUEST, NEVER)));
          expect(next.reason).not.toBe("aborted");
          expect(next.usage.promptTokens).toBeGreaterThan(endOf(events).usage.promptTokens);
        }));

      test("happens by breaking out of the iteration, too", () =>
        withConversation(async (conversation) => {
          await conversation.append(audio(pseudoSpeech(1_000, 20)));
          for await (const event of conversation.generate({ ...REQUEST, maxThinkTokens: 400 }, NEVER)) if (event.type === "delta") break;
          await conversation.append(audio(pseudoSpeech(1_000, 21)));
          expect(endOf(await collect(conversation.generate(REQUEST, NEVER))).type).toBe("end");
        }));
    });

    describe("rollback()", () => {
      test("makes a speculative answer undone: speech goes on as if nothing had happened", async () => {
        const samples = pseudoSpeech(3_000, 22);
        const straight = await answerTo(samples);
        const resumed = await withConversation(async (conversation) => {
          await conversation.append(audio(samples.subarray(0, 20_000)));
          const pause = conversation.checkpoint();
          const abort = new AbortController();
          for await (const event of conversation.generate(REQUEST, abort.signal)) if (event.type === "delta") abort.abort();
          conversation.rollback(pause);
          await conversation.append(audio(samples.subarray(20_000)));
          return collect(conversation.generate(REQUEST, NEVER));
        });
        expect(resumed).toEqual(straight);
      });

      test("can return to one checkpoint many times, also to an earlier one", () =>
        withConversation(async (conversation) => {
          const start = conversation.checkpoint();
          await conversation.append(audio(pseudoSpeech(1_000, 23)));
          const heard = conversation.checkpoint();
          const first = await collect(conversation.generate(REQUEST, NEVER));
          conversation.rollback(heard);
          expect(await collect(conversation.generate(REQUEST, NEVER))).toEqual(first);
          conversation.rollback(start);
          await conversation.append(audio(pseudoSpeech(1_000, 23)));
          expect(said(await collect(conversation.generate(REQUEST, NEVER)))).toEqual(said(first));
        }));

      test("rejects a checkpoint that is unknown, rolled over or forgotten", () =>
        withConversation(async (conversation) => {
          const internalError = expect.objectContaining({ code: "internal_error" });
          expect(() => conversation.rollback({ id: 4_711 })).toThrow(internalError);
          const first = conversation.checkpoint();
          const second = conversation.checkpoint();
          conversation.rollback(first);
          expect(() => conversation.rollback(second)).toThrow(internalError);
          for (let n = 0; n < MAX_CHECKPOINTS; n++) conversation.checkpoint();
          expect(() => conversation.rollback(first)).toThrow(internalError);
        }));
    });

    describe.runIf(toolScene !== undefined)("a tool", () => {
      const { tool, ask, result } = toolScene ?? { tool: { name: "" }, ask: "", result: "" };
      const patient: GenerateRequest = { mode: "think", maxThinkTokens: 160, maxAnswerTokens: 120 };
      const calls = (events: readonly GenerateEvent[]) => events.filter((event) => event.type === "tool_call");
      async function withTools<T>(tools: readonly Tool[], use: (conversation: Conversation) => Promise<T>): Promise<T> {
        const conversation = await engine.open({ tools });
        try {
          return await use(conversation);
        } finally {
          await conversation.close();
        }
      }
      async function asked(conversation: Conversation, request = patient): Promise<GenerateEvent[]> {
        await conversation.append(text(ask));
        return collect(conversation.generate(request, NEVER));
      }

      test("is called whole, with a JSON object, at the end of a complete answer", () =>
        withTools([tool], async (conversation) => {
          const events = await asked(conversation);
          expect(events.slice(-2)).toMatchObject([
            { type: "tool_call", name: tool.name, arguments: expect.any(String) },
            { type: "end", reason: "stop" },
          ]);
          for (const call of calls(events)) expect(JSON.parse(call.arguments)).toBeTypeOf("object");
          await conversation.append(text(result, "tool"));
          const after = await collect(conversation.generate(patient, NEVER));
          expect(after.some((event) => event.type === "delta" && event.channel === "answer")).toBe(true);
        }));

      test("is not called when the request says none", () =>
        withTools([tool], async (conversation) => {
          expect(calls(await asked(conversation, { ...patient, toolChoice: "none" }))).toEqual([]);
        }));

      test("is not called when it is not declared", () =>
        withTools([], async (conversation) => {
          expect(calls(await asked(conversation))).toEqual([]);
        }));

      test("that was called can be put back as history, and its result is answered", async () => {
        const made = await withTools([tool], async (conversation) => calls(await asked(conversation)));
        const conversation = await engine.open({ tools: [tool], items: [text(ask), ...made, text(result, "tool")] });
        const events = await collect(conversation.generate(patient, NEVER));
        await conversation.close();
        expect(endOf(events).reason).toBe("stop");
      });
    });

    describe("a long conversation", () => {
      test("outlives a turn that was too long, as if what did not fit had not been appended", () =>
        withConversation(async (conversation) => {
          const piece = text("on and on and on ");
          let refusal: ErrorCode | string = "no error";
          while (refusal === "no error") refusal = await codeOf(conversation.append(piece));
          expect(refusal).toBe("context_length_exceeded");
          const { usage } = endOf(await collect(conversation.generate({ ...REQUEST, maxThinkTokens: 400, maxAnswerTokens: 400 }, NEVER)));
          expect(usage.promptTokens).toBeLessThanOrEqual(engine.info.contextTokens);
          await collect(conversation.generate(REQUEST, NEVER));
          await conversation.append(audio(pseudoSpeech(engine.info.chunkMs, 70)));
          const next = endOf(await collect(conversation.generate(REQUEST, NEVER)));
          expect(next.reason).not.toBe("aborted");
          expect(next.usage.promptTokens - next.usage.audioTokens).toBeLessThanOrEqual(engine.info.contextTokens);
        }));

      test("drops its oldest turns instead of failing", () =>
        withConversation(async (conversation) => {
          const prompts: number[] = [];
          let total = 0;
          for (let turn = 0; turn < 8; turn++) {
            await conversation.append(audio(pseudoSpeech(engine.info.chunkMs, 30 + turn)));
            const heard = (await conversation.append(text("and"))).tokens;
            let written = heard;
            while (written - heard < engine.info.contextTokens / 6) written = (await conversation.append(text(" and on"))).tokens;
            const { reason, usage } = endOf(await collect(conversation.generate(REQUEST, NEVER)));
            expect(reason).not.toBe("aborted");
            prompts.push(usage.promptTokens - usage.audioTokens);
            total += written - heard + usage.thinkTokens + usage.answerTokens;
          }
          expect(Math.max(...prompts)).toBeLessThanOrEqual(engine.info.contextTokens);
          expect(prompts[1]).toBeGreaterThan(prompts[0] ?? 0);
          expect(total).toBeGreaterThan(engine.info.contextTokens);
        }));
    });

    describe("many conversations", () => {
      test("at the same time do not mix", async () => {
        const clips = Array.from({ length: 5 }, (_, n) => pseudoSpeech(1_000 + 300 * n, 50 + n));
        const alone: GenerateEvent[][] = [];
        for (const clip of clips) alone.push(await answerTo(clip));
        expect(await Promise.all(clips.map((clip) => answerTo(clip)))).toEqual(alone);
      });

      test("are counted by the status", async () => {
        const seen: number[] = [];
        const unwatch = engine.watch((status) => {
          if (status.state === "ready") seen.push(status.conversations);
        });
        const first = await engine.open({});
        const second = await engine.open({});
        await first.close();
        await second.close();
        unwatch();
        expect(Math.max(...seen)).toBe(2);
        const status = engine.status();
        expect(status.state === "ready" && status.conversations).toBe(0);
      });
    });

    describe("close()", () => {
      test("of a conversation is idempotent and ends running calls", async () => {
        const conversation = await engine.open({});
        await conversation.append(audio(pseudoSpeech(1_000, 60)));
        const running = codeOf(collect(conversation.generate({ ...REQUEST, maxThinkTokens: 400 }, NEVER)));
        await conversation.close();
        await conversation.close();
        expect(["no error", "engine_unavailable"]).toContain(await running);
        expect(await codeOf(conversation.append(audio(pseudoSpeech(500, 61))))).toBe("engine_unavailable");
        expect(await codeOf(collect(conversation.generate(REQUEST, NEVER)))).toBe("engine_unavailable");
      });

      test("of the engine is idempotent, ends its conversations and opens no more", async () => {
        const other = openEngine();
        const conversation = await other.open({});
        await other.close();
        await other.close();
        expect(other.status()).toEqual({ state: "closed" });
        expect(await codeOf(conversation.append(text("hello")))).toBe("engine_unavailable");
        expect(await codeOf(other.open({}))).toBe("engine_unavailable");
      });
    });
  });
}
