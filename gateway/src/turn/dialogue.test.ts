import type { HistoryItem } from "@aloud/engine";
import { openScriptedEngine, type ScriptedOptions, type ScriptedTurn } from "@aloud/engine/testing";
import { afterEach, expect, test } from "vitest";
import { Dialogue, type DialogueEvent } from "./dialogue.ts";

const budget = { thinkTokens: 10, answerTokens: "inf" } as const;
let dialogue: Dialogue | undefined;
afterEach(() => dialogue?.close());

function start(script: ScriptedOptions = {}, items: readonly HistoryItem[] = []) {
  const turns: ScriptedTurn[] = [];
  const engine = openScriptedEngine({
    answer: (turn) => {
      turns.push(turn);
      return [{ channel: "answer", text: "Yes." }];
    },
    ...script,
  });
  const events: DialogueEvent[] = [];
  const waiting = new Set<() => void>();
  const opened = new Dialogue({
    engine,
    setup: () => ({ instructions: "", items }),
    report: (event) => {
      events.push(event);
      for (const check of waiting) check();
    },
  });
  dialogue = opened;
  /** Resolves with the n-th event of a type. */
  const reported = <T extends DialogueEvent["type"]>(type: T, nth = 1) =>
    new Promise<Extract<DialogueEvent, { type: T }>>((resolve) => {
      const check = () => {
        const found = events.filter((event): event is Extract<DialogueEvent, { type: T }> => event.type === type)[nth - 1];
        if (found === undefined) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  return { engine, dialogue: opened, events, turns, reported };
}

const second = () => new Float32Array(16_000).fill(0.1);
const draft = (generation: number) => ({ generation, turnId: 1, mode: "think", toolChoice: "auto", budget }) as const;

test("a draft that is taken back leaves no trace in the turn", async () => {
  const { dialogue, turns, reported } = start();
  dialogue.begin(1);
  dialogue.hear(second(), "item");
  dialogue.generate(draft(1));
  await reported("generated");
  dialogue.retract(1);
  dialogue.hear(second(), "item");
  dialogue.generate(draft(2));
  await reported("generated", 2);
  expect(turns.map(({ index, audioSamples }) => [index, audioSamples])).toEqual([
    [0, 16_000],
    [0, 32_000],
  ]);
});

test("what a model says keeps the word of whether its channel was guessed", async () => {
  const { dialogue, events, reported } = start({
    answer: () => [
      { channel: "semantic", text: "Guessed.", isHeuristic: true },
      { channel: "acoustic", text: "Known." },
    ],
  });
  dialogue.begin(1);
  dialogue.hear(second(), "item");
  dialogue.generate(draft(1));
  await reported("generated");
  expect(events.flatMap((event) => (event.type === "output" ? [event.output] : []))).toEqual([
    { channel: "semantic", text: "Guessed.", isHeuristic: true },
    { channel: "acoustic", text: "Known." },
  ]);
});

test("a turn with more pauses than the engine keeps checkpoints can still be forgotten", async () => {
  const { dialogue, events, turns, reported } = start();
  dialogue.begin(1);
  for (let pause = 1; pause <= 10; pause++) {
    dialogue.hear(second(), "item");
    dialogue.generate(draft(pause));
    await reported("generated", pause);
    dialogue.retract(pause);
  }
  dialogue.forget();
  dialogue.begin(2);
  dialogue.hear(second(), "item");
  dialogue.generate({ ...draft(11), turnId: 2 });
  await reported("generated", 11);
  expect(turns.at(-1)?.audioSamples).toBe(16_000);
  expect(events.some(({ type }) => type === "lost")).toBe(false);
});

test("nothing is left lying, at whatever moment it comes", async () => {
  for (let moments = 0; moments < 12; moments++) {
    const { dialogue, reported } = start();
    dialogue.begin(1);
    dialogue.hear(second(), "item");
    await reported("prefilled");
    for (let moment = 0; moment < moments; moment++) await Promise.resolve();
    dialogue.generate(draft(1));
    expect((await reported("generated")).end.reason).toBe("stop");
    await dialogue.close();
  }
});

test("what waits for the model is bounded", () => {
  const { engine, dialogue } = start({ loading: true });
  for (let n = 0; n < 120; n++) dialogue.hear(second(), "item");
  expect(() => dialogue.hear(second(), "item")).toThrow("more than 120000 ms");
  expect(dialogue.waitingMs()).toBeLessThanOrEqual(120_000);
  engine.finishLoading();
});

test("a conversation that the engine lost is told everything again", async () => {
  const { engine, dialogue, turns, reported } = start({}, [{ type: "text", role: "user", text: "earlier" }]);
  dialogue.begin(1);
  dialogue.hear(second(), "item");
  dialogue.say({ type: "text", role: "user", text: "and this" }, "typed");
  await reported("prefilled", 2);
  engine.crash();
  dialogue.generate(draft(1));
  expect((await reported("generated")).end.usage.promptTokens).toBeGreaterThan(3);
  expect(turns.map(({ text, audioSamples }) => [text, audioSamples])).toEqual([["and this", 16_000]]);
});

test("closing while the engine loads frees the conversation as soon as it is there", async () => {
  const { engine, dialogue, events } = start({ loading: true });
  dialogue.begin(1);
  dialogue.hear(second(), "item");
  await Promise.resolve();
  const closed = dialogue.close();
  engine.finishLoading();
  await closed;
  expect(engine.openConversations).toBe(0);
  expect(events).toEqual([]);
});

test("a transcript is finished without an answer, and without a trace", async () => {
  const { dialogue, turns, reported } = start({ answer: () => [{ transcript: "all the words" }, { channel: "answer", text: "Yes." }] });
  dialogue.begin(1);
  dialogue.hear(second(), "item");
  dialogue.transcribe(1);
  expect((await reported("transcribed")).text).toBe("all the words");
  dialogue.generate(draft(1));
  expect((await reported("generated")).end.usage.audioTokens).toBeGreaterThan(0);
  expect(turns).toEqual([]);
});
