import { AloudError } from "@aloud/client/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_HELD_DELTAS } from "../limits.ts";
import { policyFor } from "./policy.ts";
import { reduce } from "./reduce.ts";
import { type Command, IDLE, type Output, type Turn, type TurnEvent } from "./turn.ts";

const serverVad = {
  type: "server_vad",
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 500,
  idle_timeout_ms: null,
  create_response: true,
  interrupt_response: true,
} as const;
const switches = { speculate: true, requireWords: true };
const policy = policyFor({ turnDetection: serverVad }, switches);
const clearVoice = { windows: 40, probabilitySum: 38 };
const faintVoice = { windows: 6, probabilitySum: 3.6 };
const usage = { promptTokens: 10, audioTokens: 6, prefilledTokens: 9, thinkTokens: 1, answerTokens: 1 };
const end = { reason: "stop", usage } as const;

/** Folds events through reduce() and collects every command. */
function play(events: readonly TurnEvent[], rules = policy, from: Turn = IDLE) {
  let turn = from;
  const commands: Command[] = [];
  for (const event of events) {
    const step = reduce(turn, event, rules);
    turn = step.turn;
    commands.push(...step.commands);
  }
  return { turn, commands, names: commands.map((command) => command.do) };
}

const started: TurnEvent = { type: "speech-started", at: 0, startMs: 0 };
const stopped: TurnEvent = { type: "speech-stopped", at: 1_130, endMs: 1_000, endAt: 1_000, voice: clearVoice };
const passed = (audioMs: number): TurnEvent => ({ type: "audio-passed", at: audioMs, audioMs });
const delta = (generation: number, text = "Hi"): TurnEvent => ({
  type: "output",
  at: 1_300,
  generation,
  output: { channel: "answer", text },
});

describe("reduce()", () => {
  test("begins the answer at first silence and sends it at the endpoint", () => {
    const { names, turn } = play([
      started,
      stopped,
      delta(1),
      passed(1_499),
      passed(1_500),
      delta(1),
      { type: "generated", at: 1_600, generation: 1, end },
    ]);
    expect(names).toEqual(["open", "start-timer", "generate", "commit", "begin-response", "send-output", "send-output", "end-response"]);
    expect(turn.phase).toBe("idle");
  });

  test("takes the early answer back when speech resumes, and drops what still comes of it", () => {
    const { names, turn } = play([started, stopped, delta(1), started, delta(1)]);
    expect(names).toEqual(["open", "start-timer", "generate", "retract", "release-held"]);
    expect(turn.phase).toBe("listening");
  });

  test("waits for the endpoint without speculation", () => {
    const rules = policyFor({ turnDetection: serverVad }, { ...switches, speculate: false });
    expect(play([started, stopped, passed(1_600)], rules).names).toEqual(["open", "start-timer", "commit", "begin-response", "generate"]);
  });

  test("ends a pause in which no audio comes, but not a later one", () => {
    const stalled = (stoppedMs: number): TurnEvent => ({ type: "audio-stalled", at: 4_000, turnId: 1, stoppedMs });
    expect(play([started, stopped, stalled(1_000)]).names).toContain("begin-response");
    expect(play([started, stopped, stalled(900)]).names).not.toContain("begin-response");
  });

  test("aborts the answer on barge-in and drops its late tokens", () => {
    const { commands } = play([started, stopped, passed(1_500), delta(1), { ...started, startMs: 2_000 }, delta(1)]);
    expect(commands.slice(-3).map((command) => command.do)).toEqual(["open", "abort", "end-response"]);
    expect(commands.at(-1)).toMatchObject({ outcome: { status: "cancelled", reason: "turn_detected" } });
  });

  test("forgets a faint sound in which the model hears no word", () => {
    const faint: TurnEvent = { ...stopped, voice: faintVoice };
    const { names, turn } = play([
      started,
      faint,
      passed(1_500),
      { type: "transcribed", at: 1_510, generation: 1, words: "none" },
      delta(1),
    ]);
    expect(names).toEqual(["open", "start-timer", "generate", "commit", "retract", "forget"]);
    expect(turn.phase).toBe("idle");
  });

  test("answers a faint voice in which the model hears words", () => {
    const faint: TurnEvent = { ...stopped, voice: faintVoice };
    const { names } = play([started, faint, passed(1_500), { type: "transcribed", at: 1_510, generation: 1, words: "some" }]);
    expect(names).toContain("begin-response");
  });

  describe("decides about a faint sound by the model's final words, however they fall with the endpoint:", () => {
    const faint: TurnEvent = { ...stopped, voice: faintVoice };
    const live = (words: "none" | "some"): TurnEvent => ({ type: "heard", turnId: 1, words });
    const thought: TurnEvent = { type: "output", at: 1_300, generation: 1, output: { channel: "semantic", text: 'The speaker says "' } };
    const final = (words: "none" | "some"): TurnEvent => ({ type: "transcribed", at: 1_310, generation: 1, words });
    const over: TurnEvent = { type: "generated", at: 1_600, generation: 1, end };

    /** What becomes of the turn when the endpoint comes after so many of the model's events. */
    function fates(said: readonly TurnEvent[]): string[] {
      return Array.from({ length: said.length + 1 }, (_, before) => {
        const { names } = play([started, faint, ...said.slice(0, before), passed(1_500), ...said.slice(before)]);
        return names.includes("begin-response") ? "answered" : names.includes("forget") ? "forgotten" : "undecided";
      });
    }

    test.each([
      ["the last word is heard while thinking", [live("none"), thought, final("some"), thought, delta(1), over], "answered"],
      ["no word is heard while thinking", [live("none"), thought, final("none"), thought, delta(1), over], "forgotten"],
      ["what sounded like a word was none", [live("some"), thought, final("none"), thought, delta(1), over], "forgotten"],
      ["only the live transcript has words", [live("some"), thought, delta(1), over], "answered"],
      ["only the live transcript says that there are none", [live("none"), thought, delta(1), over], "forgotten"],
      ["a model that does not transcribe", [thought, delta(1), over], "answered"],
    ])("%s", (_what, said, fate) => {
      expect(new Set(fates(said))).toEqual(new Set([fate]));
    });

    test("thoughts without an end are not waited for", () => {
      const thoughts = Array.from({ length: MAX_HELD_DELTAS }, () => thought);
      expect(play([started, faint, live("some"), passed(1_500), ...thoughts]).names).toContain("begin-response");
      expect(play([started, faint, live("none"), passed(1_500), ...thoughts]).names).toContain("forget");
    });
  });

  test("settles the words of a doubtful turn when the user speaks on before it is clear, and keeps its audio", () => {
    const faint: TurnEvent = { ...stopped, voice: faintVoice };
    const { names, turn } = play([started, faint, passed(1_500), { ...started, startMs: 1_510 }]);
    expect(names).toEqual(["open", "start-timer", "generate", "commit", "retract", "settle-input", "open"]);
    expect(turn).toMatchObject({ phase: "listening", turnId: 2 });
  });

  test("answers a failed draft with a failed response", () => {
    const failed: TurnEvent = { type: "generation-failed", at: 1_200, generation: 1, error: new AloudError("engine_failed", "gone") };
    const { commands, turn } = play([started, stopped, failed, passed(1_500)]);
    expect(commands.at(-1)).toMatchObject({ do: "end-response", outcome: { status: "failed" } });
    expect(turn.phase).toBe("idle");
  });

  test("ends a turn that is too long", () => {
    expect(play([started, passed(policy.maxTurnMs)]).names).toEqual(["open", "cut-speech", "commit", "begin-response", "generate"]);
  });

  test("takes the early answer back for an answer with instructions of its own", () => {
    const asked: TurnEvent = { type: "response-asked", at: 1_200, context: "own", eventId: undefined };
    const { names } = play([started, stopped, delta(1), asked]);
    expect(names).toEqual(["open", "start-timer", "generate", "commit", "retract", "begin-response", "generate"]);
  });

  test("lets the model speak up after a silence, but not if anything happened since", () => {
    const rules = { ...policy, idleTimeoutMs: 6_000 };
    const over: TurnEvent[] = [started, stopped, delta(1), passed(1_500), { type: "generated", at: 1_600, generation: 1, end }];
    const idle: TurnEvent = { type: "idle-passed", at: 7_600, turnId: 1, after: 1 };
    expect(play(over, rules).commands.at(-1)).toEqual({ do: "start-idle-timer", turnId: 1, after: 1, afterMs: 6_000 });
    expect(play([...over, idle], rules).names.slice(-3)).toEqual(["time-out", "begin-response", "generate"]);
    expect(play([...over, started, idle], rules).names).not.toContain("time-out");
    expect(play(over).names).not.toContain("start-idle-timer");
    expect(play([idle], policy, play(over, rules).turn).names).toEqual([]);
  });

  test("lets a model that scores the end of turns hear the pause, and falls back to silence for one that does not", () => {
    const rules = policyFor(
      { turnDetection: { type: "semantic_vad", eagerness: "high", create_response: true, interrupt_response: true } },
      switches,
    );
    const scored: TurnEvent = { type: "heard", turnId: 1, words: "some", endOfTurn: 0 };
    const sure: TurnEvent = { type: "heard", turnId: 1, words: "some", endOfTurn: 0.4 };
    const waiting = play([started, scored, stopped, passed(2_900)], rules);
    expect(waiting.turn).toMatchObject({ phase: "pausing", audio: "heard", draft: { state: "none" } });
    expect(play([sure, passed(2_910)], rules, waiting.turn).names).toEqual(["commit", "begin-response", "generate"]);
    expect(play([passed(3_000)], rules, waiting.turn).names).toContain("commit");
    const unscored = play([started, stopped, passed(1_499)], rules);
    expect(unscored.turn).toMatchObject({ audio: "held", draft: { state: "running" } });
    expect(play([passed(1_500)], rules, unscored.turn).names).toContain("commit");
  });

  test("waits longer where the model is less sure that the user has finished", () => {
    const rules = policyFor(
      { turnDetection: { type: "semantic_vad", eagerness: "high", create_response: true, interrupt_response: true } },
      switches,
    );
    const unsure: TurnEvent = { type: "heard", turnId: 1, words: "some", endOfTurn: 0.1 };
    const sure: TurnEvent = { type: "heard", turnId: 1, words: "some", endOfTurn: 0.99 };
    expect(play([started, unsure, stopped, passed(1_900)], rules).names).not.toContain("commit");
    expect(play([started, sure, stopped, passed(1_250)], rules).names).toContain("commit");
  });
});

const generation = fc.integer({ min: 0, max: 6 });
const at = fc.integer({ min: 0, max: 20_000 });
const words = fc.constantFrom("unknown" as const, "none" as const, "some" as const);
const eventId = fc.constant(undefined);
const anyEvent: fc.Arbitrary<TurnEvent> = fc.oneof(
  fc.record({ type: fc.constant("speech-started" as const), at, startMs: at }),
  fc.record({
    type: fc.constant("speech-stopped" as const),
    at,
    endMs: at,
    endAt: at,
    voice: fc.constantFrom(clearVoice, faintVoice),
  }),
  fc.record({ type: fc.constant("audio-passed" as const), at, audioMs: at }),
  fc.record({ type: fc.constant("audio-stalled" as const), at, turnId: generation, stoppedMs: at }),
  fc.record({ type: fc.constant("vad-lost" as const), at }),
  fc.record({ type: fc.constant("heard" as const), turnId: generation, words, endOfTurn: fc.constantFrom(undefined, 0.2, 0.9) }),
  fc.record({ type: fc.constant("transcribed" as const), at, generation, words }),
  fc.record({
    type: fc.constant("output" as const),
    at,
    generation,
    output: fc.constantFrom<Output>(
      { channel: "answer", text: "Hi" },
      { channel: "semantic", text: "So." },
      { call: { name: "go", arguments: "{}" } },
    ),
  }),
  fc.record({ type: fc.constant("generated" as const), at, generation, end: fc.constant(end) }),
  fc.record({
    type: fc.constant("generation-failed" as const),
    at,
    generation,
    error: fc.constant(new AloudError("engine_failed", "gone")),
  }),
  fc.record({ type: fc.constant("commit-asked" as const), at, buffered: fc.boolean(), eventId }),
  fc.record({ type: fc.constant("clear-asked" as const) }),
  fc.record({ type: fc.constant("response-asked" as const), at, context: fc.constantFrom("session" as const, "own" as const), eventId }),
  fc.record({ type: fc.constant("idle-passed" as const), at, turnId: generation, after: generation }),
  fc.record({ type: fc.constant("cancel-asked" as const), eventId }),
);
const anyPolicy = fc
  .record({ create: fc.boolean(), interrupt: fc.boolean(), idle: fc.boolean(), speculate: fc.boolean(), requireWords: fc.boolean() })
  .map(({ create, interrupt, idle, ...rest }) => {
    const turnDetection = { ...serverVad, create_response: create, interrupt_response: interrupt, idle_timeout_ms: idle ? 5_000 : null };
    return policyFor({ turnDetection }, rest);
  });
const anyHistory = fc.array(anyEvent, { maxLength: 60 });

describe("whatever happens, reduce()", () => {
  test("is repeatable, and never throws", () => {
    fc.assert(
      fc.property(anyHistory, anyPolicy, (events, rules) => {
        expect(play(events, rules)).toEqual(play(events, rules));
      }),
      { numRuns: 1_500 },
    );
  });

  test("opens and ends every response exactly once, one at a time, and sends deltas only inside it", () => {
    fc.assert(
      fc.property(anyHistory, anyPolicy, (events, rules) => {
        let open: number | undefined;
        let newest = 0;
        for (const command of play(events, rules).commands) {
          if (command.do === "begin-response") {
            expect(open).toBeUndefined();
            expect(command.generation).toBeGreaterThan(newest);
            newest = command.generation;
            open = command.generation;
          } else if (command.do === "send-output") expect(command.generation).toBe(open);
          else if (command.do === "end-response") {
            expect(command.generation).toBe(open);
            open = undefined;
          }
        }
      }),
      { numRuns: 1_500 },
    );
  });

  test("never has two generations at work, and accounts for each one it began", () => {
    fc.assert(
      fc.property(anyHistory, anyPolicy, (events, rules) => {
        let turn: Turn = IDLE;
        let running: number | undefined;
        for (const event of events) {
          const before = turn;
          const { turn: after, commands } = reduce(before, event, rules);
          if ((event.type === "generated" || event.type === "generation-failed") && event.generation === running) {
            const wasAwaited = before.phase === "answering" || before.phase === "pausing";
            if (wasAwaited) running = undefined;
          }
          for (const command of commands) {
            if (command.do === "generate") {
              expect(running).toBeUndefined();
              running = command.generation;
            }
            if (command.do === "retract" || command.do === "abort") running = undefined;
          }
          turn = after;
        }
        if (turn.phase === "idle" || turn.phase === "listening") expect(running).toBeUndefined();
      }),
      { numRuns: 1_500 },
    );
  });

  test("commits each input once at most, and only one that was opened", () => {
    fc.assert(
      fc.property(anyHistory, anyPolicy, (events, rules) => {
        const committed = new Set<number>();
        for (const command of play(events, rules).commands) {
          if (command.do !== "commit") continue;
          expect(committed.has(command.turnId)).toBe(false);
          committed.add(command.turnId);
        }
      }),
      { numRuns: 1_500 },
    );
  });
});
