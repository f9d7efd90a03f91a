/**
 * Answers that begin before the thought is over, in whatever order the two requests' tokens come, are aborted or fail: what is said is what would have been
 * said one after the other, and nothing stays open.
 */
import type { GenerateEvent } from "@aloud/engine";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Ask, type Budgets, Generation, type Outcome } from "../../engine/src/vllm/generation.ts";
import { profileFor } from "../../engine/src/vllm/profiles.ts";
import { prefillOf, startOf } from "../../engine/src/vllm/progress.ts";
import type { StreamPiece } from "../../engine/src/vllm/reading.ts";
import { ServerRefusal } from "../../engine/src/vllm/server.ts";
import { type Output, remaining } from "./fake/script.ts";

type Piece = Extract<StreamPiece, { type: "piece" }>;

const PROFILE = profileFor("tiny-audio");
const THOUGHT = "They| ask| about| rain|.| A| calm| voice|,| so| it| is| a| real| question|;| I| answer| briefly|.".split("|");
const ANSWER = "Yes|.| It| rains| from| noon|.| Take| a| coat|,| and| good| shoes|.".split("|");
const CALL = { name: "set_light", arguments: ['{"on": ', "true}"] };
/** How often a server may fail, as for a conversation. */
const MAX_CUTS = 2;

interface World {
  /** When the next token of a request comes. */
  readonly step: () => Promise<void>;
  /** Whether the server fails at this token: counted over all requests. */
  readonly fails?: (token: number) => boolean;
  /** What the model does when its thought is closed, by that thought; by default it answers. */
  readonly callsAfter?: (thought: string) => boolean;
}

async function play(world: World, budgets: Budgets, signal = new AbortController().signal) {
  const events: GenerateEvent[] = [];
  const requests: { readonly kind: "ahead" | "main"; readonly prefill: string; isOpen: boolean }[] = [];
  let tokens = 0;
  let open = 0;
  let mostOpen = 0;
  const ask: Ask = async function* (progress, { maxTokens, isAhead }, stop) {
    const prefill = prefillOf(PROFILE, progress) ?? "";
    const request = { kind: isAhead ? ("ahead" as const) : ("main" as const), prefill, isOpen: true };
    requests.push(request);
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    try {
      const call = world.callsAfter?.(progress.isThinking ? THOUGHT.join("") : progress.thought) ? CALL : undefined;
      const answer = call === undefined ? ANSWER : [];
      const outputs = remaining({ thought: THOUGHT, answer, close: ["</think>"], ...(call && { call }) }, prefill);
      let made = 0;
      for (const output of outputs.filter((next) => !("text" in next) || next.text !== "\n\n")) {
        await world.step();
        if (stop.aborted) return;
        if (world.fails?.(tokens++)) throw new ServerRefusal("cut", 0, "the server failed while it answered");
        made += 1;
        yield pieceOf(output, made >= maxTokens ? "length" : undefined);
        if (made >= maxTokens) return;
      }
      await world.step();
      if (!stop.aborted) yield { ...pieceOf({ type: "answer", text: "" }, "stop") };
    } finally {
      request.isOpen = false;
      open -= 1;
    }
  };
  const checks = new Map([[CALL.name, () => undefined]]);
  const generation = new Generation(PROFILE, startOf(PROFILE, "think"), budgets, checks, (event) => events.push(event));
  let outcome: Outcome | undefined;
  for (let failures = 0; outcome === undefined; ) {
    outcome = await generation.run(ask, signal).catch((error: unknown) => {
      if (error instanceof ServerRefusal && ++failures <= MAX_CUTS) return undefined;
      throw error;
    });
  }
  return { events, requests, outcome, mostOpen };
}

function pieceOf(output: Output, finish: string | undefined): Piece {
  const calls =
    output.type === "call"
      ? [{ index: 0, name: output.name, arguments: "" }]
      : output.type === "arguments"
        ? [{ index: 0, name: "", arguments: output.text }]
        : [];
  const content = "text" in output && output.type !== "arguments" ? output.text : "";
  return { type: "piece", reasoning: "", content, calls, finish, usage: undefined };
}

const textOf = (events: readonly GenerateEvent[], ...channels: string[]) =>
  events.map((event) => (event.type === "delta" && channels.includes(event.channel) ? event.text : "")).join("");
const thoughtOf = (events: readonly GenerateEvent[]) => textOf(events, "semantic", "acoustic");

const budgets = fc.record({
  maxThinkTokens: fc.integer({ min: 1, max: 30 }),
  maxAnswerTokens: fc.integer({ min: 1, max: 30 }),
  thinkAheadTokens: fc.integer({ min: 1, max: 30 }),
});
const AT_ONCE: World = { step: () => Promise.resolve() };

/** Lets tokens come in the order that the scheduler chooses. */
const scheduled = (scheduler: fc.Scheduler, world: Omit<World, "step"> = {}): World => ({
  ...world,
  step: () => scheduler.schedule(Promise.resolve()),
});

function check(property: fc.IAsyncPropertyWithHooks<never> | fc.IAsyncProperty<never>) {
  return fc.assert(property as fc.IAsyncProperty<unknown>, { numRuns: 300, seed: 11 });
}

describe("however the tokens of thought and answer come", () => {
  test("the whole is what comes one after the other", async () => {
    const property = fc.asyncProperty(fc.scheduler(), budgets, async (scheduler, wanted) => {
      const plain = await play(AT_ONCE, { ...wanted, thinkAheadTokens: undefined });
      const { events, requests, outcome, mostOpen } = await scheduler.waitFor(play(scheduled(scheduler), wanted));
      expect(outcome).toMatchObject({ ...plain.outcome, usage: undefined });
      expect(thoughtOf(events)).toBe(thoughtOf(plain.events));
      expect(textOf(events, "answer")).toBe(textOf(plain.events, "answer"));
      expect(mostOpen).toBeLessThanOrEqual(2);
      expect(requests.every(({ isOpen }) => !isOpen)).toBe(true);
      // Thoughts come before what is no longer said ahead.
      const deltas = events.flatMap((event) => (event.type === "delta" ? [event] : []));
      const settled = deltas.findIndex(({ channel, isAhead }) => channel === "answer" && !isAhead);
      expect(deltas.slice(settled < 0 ? deltas.length : settled).every(({ channel }) => channel === "answer")).toBe(true);
      const counted = (isThought: boolean) =>
        deltas.reduce((sum, { channel, tokens }) => sum + ((channel !== "answer") === isThought ? tokens : 0), 0);
      expect(counted(false)).toBe(outcome.answerTokens);
      expect(counted(true)).toBe(outcome.thinkTokens);
    });
    await check(property as never);
  });

  test("nothing is said ahead before so many tokens were thought, and the last word is the whole thought's", async () => {
    const property = fc.asyncProperty(fc.scheduler(), budgets, async (scheduler, wanted) => {
      const { requests, outcome } = await scheduler.waitFor(play(scheduled(scheduler), wanted));
      const ahead = requests.filter(({ kind }) => kind === "ahead");
      const isReached = wanted.thinkAheadTokens < Math.min(wanted.maxThinkTokens, THOUGHT.length + 1);
      expect(ahead).toHaveLength(Number(isReached));
      for (const { prefill } of ahead)
        expect(outcome.progress.thought.startsWith(prefill.slice(8, prefill.indexOf("\n</think>")))).toBe(true);
      const last = requests.findLast(({ kind }) => kind === "main")?.prefill ?? "";
      const whole = outcome.progress.thought.trimEnd();
      const isAnswerFull = outcome.answerTokens >= wanted.maxAnswerTokens;
      if (!isAnswerFull && last.includes("</think>")) expect(last).toContain(`<think>\n${whole}\n</think>`);
    });
    await check(property as never);
  });

  test("an abort keeps what was said, and closes both", async () => {
    const property = fc.asyncProperty(fc.scheduler(), budgets, fc.nat(60), async (scheduler, wanted, at) => {
      const abort = new AbortController();
      let steps = 0;
      const world: World = {
        step: async () => {
          await scheduler.schedule(Promise.resolve());
          if (steps++ === at) abort.abort();
        },
      };
      const { events, requests, outcome } = await scheduler.waitFor(play(world, wanted, abort.signal));
      if (abort.signal.aborted) expect(outcome.reason).toBe("aborted");
      expect(textOf(events, "answer")).toBe(outcome.progress.answer);
      expect(ANSWER.join("").startsWith(outcome.progress.answer)).toBe(true);
      expect(requests.every(({ isOpen }) => !isOpen)).toBe(true);
    });
    await check(property as never);
  });

  test("a server that fails at any token costs no word, and none comes twice", async () => {
    const cuts = fc.uniqueArray(fc.nat(50), { maxLength: 2 });
    const property = fc.asyncProperty(fc.scheduler(), budgets, cuts, async (scheduler, wanted, at) => {
      const plain = await play(AT_ONCE, { ...wanted, thinkAheadTokens: undefined });
      const world = scheduled(scheduler, { fails: (token) => at.includes(token) });
      const { events, requests, outcome } = await scheduler.waitFor(play(world, wanted));
      expect(outcome.reason).toBe(plain.outcome.reason);
      expect(thoughtOf(events)).toBe(thoughtOf(plain.events));
      expect(textOf(events, "answer")).toBe(textOf(plain.events, "answer"));
      expect(requests.every(({ isOpen }) => !isOpen)).toBe(true);
    });
    await check(property as never);
  });

  test("a tool is called once, and from the whole thought", async () => {
    const property = fc.asyncProperty(fc.scheduler(), budgets, fc.boolean(), async (scheduler, wanted, alsoFromHalf) => {
      const whole = THOUGHT.slice(0, wanted.maxThinkTokens).join("").trimEnd();
      const world = scheduled(scheduler, {
        callsAfter: (thought) => alsoFromHalf || thought.trimEnd() === whole || thought === THOUGHT.join(""),
      });
      const { events, outcome } = await scheduler.waitFor(play(world, { ...wanted, maxAnswerTokens: 40 }));
      expect(outcome.calls).toHaveLength(1);
      const at = events.findIndex(({ type }) => type === "tool_call");
      expect(thoughtOf(events.slice(0, at)).trimEnd()).toBe(whole);
      expect(events.slice(at + 1)).toEqual([]);
    });
    await check(property as never);
  });
});
