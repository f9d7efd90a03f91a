/** How the user is heard: formats, transcripts, when a turn is over, and what happens when nobody speaks. */
import type { ScriptedOptions } from "@aloud/engine/testing";
import { afterEach, describe, expect, test } from "vitest";
import { readLegal } from "../helpers/event-grammar.ts";
import { openTestSession, type TestSession } from "../helpers/session.ts";

let session: TestSession;
afterEach(() => {
  readLegal("realtime", session.events);
  return session.close();
});
const yes = [{ channel: "answer", text: "Yes." }] as const;
/** Remembers how much was heard, and says yes. */
function note(heard: number[], samples: number) {
  heard.push(samples);
  return yes;
}
const input = (settings: Record<string, unknown>) =>
  session.send({ type: "session.update", session: { type: "realtime", audio: { input: settings } } });

describe("G.711", () => {
  /** A tone of 400 Hz as µ-law or A-law, by the books: sign, exponent, mantissa. */
  function encoded(law: "audio/pcmu" | "audio/pcma", ms: number): string {
    const bytes = Uint8Array.from({ length: ms * 8 }, (_, index) => {
      const sample = Math.round(12_000 * Math.sin((2 * Math.PI * 400 * index) / 8_000));
      const sign = sample < 0;
      if (law === "audio/pcmu") {
        const magnitude = Math.min(32_635, Math.abs(sample)) + 132;
        const exponent = Math.floor(Math.log2(magnitude)) - 7;
        return ~((sign ? 0x80 : 0) | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0f)) & 0xff;
      }
      const magnitude = Math.abs(sample);
      const exponent = magnitude < 256 ? 0 : Math.floor(Math.log2(magnitude)) - 7;
      const mantissa = exponent === 0 ? magnitude >> 4 : (magnitude >> (exponent + 3)) & 0x0f;
      return ((sign ? 0 : 0x80) | (exponent << 4) | mantissa) ^ 0x55;
    });
    return Buffer.from(bytes).toString("base64");
  }

  test.each(["audio/pcmu", "audio/pcma"] as const)("%s is heard at its own speed", async (type) => {
    const heard: number[] = [];
    session = openTestSession({ answer: ({ audioSamples }) => note(heard, audioSamples) });
    input({ format: { type }, turn_detection: null });
    session.send({ type: "input_audio_buffer.append", audio: encoded(type, 1_000) });
    session.send({ type: "input_audio_buffer.commit" });
    session.send({ type: "response.create" });
    await session.settle();
    expect(session.last("session.updated").session.audio.input.format).toEqual({ type });
    expect(heard[0]).toBeGreaterThan(15_900);
    expect(heard[0]).toBeLessThan(16_600);
  });

  test.each(["audio/pcmu", "audio/pcma"] as const)("a voice in %s is a voice, and silence is none", async (type) => {
    session = openTestSession({ answer: () => yes });
    input({ format: { type } });
    const silent = Buffer.alloc(8 * 700, type === "audio/pcmu" ? 0xff : 0xd5).toString("base64");
    session.send({ type: "input_audio_buffer.append", audio: silent });
    await session.settle();
    expect(session.types()).not.toContain("input_audio_buffer.speech_started");
    session.send({ type: "input_audio_buffer.append", audio: encoded(type, 500) });
    session.send({ type: "input_audio_buffer.append", audio: silent });
    await session.settle();
    expect(session.last("response.done").response.status).toBe("completed");
  });

  test("and PCM take turns within a session", async () => {
    session = openTestSession({ answer: () => yes });
    for (const format of [{ type: "audio/pcmu" }, { type: "audio/pcm", rate: 24_000 }]) {
      input({ format });
      if (format.type === "audio/pcm") session.speak(500);
      else session.send({ type: "input_audio_buffer.append", audio: encoded("audio/pcmu", 500) });
      if (format.type === "audio/pcm") session.pause(700);
      else session.send({ type: "input_audio_buffer.append", audio: Buffer.alloc(8 * 700, 0xff).toString("base64") });
      await session.settle();
    }
    expect(session.all("response.done")).toHaveLength(2);
  });

  test("any other format is refused, and the old one stays", async () => {
    session = openTestSession();
    input({ format: { type: "audio/mp3" } });
    input({ format: { type: "audio/opus" } });
    input({ format: { type: "audio/pcm", rate: 16_000 } });
    input({});
    await session.settle();
    expect(session.all("error").map(({ error }) => [error.code, error.param])).toEqual([
      ["unsupported_value", "session.audio.input.format.type"],
      ["unsupported_value", "session.audio.input.format.type"],
      ["invalid_value", "session.audio.input.format.rate"],
    ]);
    expect(session.last("session.updated").session.audio.input.format).toEqual({ type: "audio/pcm", rate: 24_000 });
  });
});

describe("transcripts", () => {
  const script = (transcript: string): ScriptedOptions => ({
    prefilled: ({ audioSamples }) => ({
      transcript: audioSamples > 12_000 ? { stable: transcript.slice(0, 7), tail: transcript.slice(7) } : { stable: "", tail: "" },
    }),
    answer: () => [{ transcript }, ...yes],
  });
  const about = () =>
    session
      .types()
      .filter((type) => type.includes("transcription"))
      .map((type) => type.split(".").at(-1));
  const speakTurn = async () => {
    session.speak(1_000);
    await session.settle();
    session.pause(700);
    await session.settle();
  };

  test("grow by what is certain and end with all words", async () => {
    session = openTestSession(script("turn on the lights"));
    input({ transcription: { model: "whisper-1", language: "en", prompt: null } });
    await speakTurn();
    expect(about()).toEqual(["delta", "completed"]);
    const types = session.types();
    const [delta, committed] = [types.findIndex((type) => type.endsWith(".delta")), types.indexOf("input_audio_buffer.committed")];
    expect(delta).toBeLessThan(committed);
    expect(session.last("conversation.item.input_audio_transcription.delta").delta).toBe("turn on");
    expect(session.last("conversation.item.input_audio_transcription.completed")).toMatchObject({
      transcript: "turn on the lights",
      content_index: 0,
      usage: { type: "duration" },
      item_id: session.last("input_audio_buffer.committed").item_id,
    });
    session.send({ type: "conversation.item.retrieve", item_id: session.last("input_audio_buffer.committed").item_id });
    await session.settle();
    expect(session.last("conversation.item.retrieved").item.content).toEqual([{ type: "input_audio", transcript: "turn on the lights" }]);
  });

  test("fail when nothing was understood", async () => {
    session = openTestSession(script(""));
    input({ transcription: {} });
    await speakTurn();
    expect(about()).toEqual(["failed"]);
    expect(session.last("conversation.item.input_audio_transcription.failed").error).toEqual({
      type: "transcription_error",
      code: "audio_unintelligible",
      message: "no words were understood",
    });
  });

  test("fail when the model gives none", async () => {
    session = openTestSession({ answer: () => yes });
    input({ transcription: {} });
    await speakTurn();
    expect(session.last("conversation.item.input_audio_transcription.failed").error.message).toBe("the model gives no transcripts");
  });

  test("are not sent unless asked for, and not any more once they are not", async () => {
    session = openTestSession(script("turn on the lights"));
    await speakTurn();
    input({ transcription: {} });
    input({ transcription: null });
    await speakTurn();
    expect(session.all("response.done")).toHaveLength(2);
    expect(about()).toEqual([]);
  });

  test("come with push-to-talk, too, before any response is asked for", async () => {
    session = openTestSession(script("turn on the lights"));
    input({ transcription: {}, turn_detection: null });
    session.speak(1_000);
    session.send({ type: "input_audio_buffer.commit" });
    await session.settle();
    expect(about()).toEqual(["delta", "completed"]);
    expect(session.types()).not.toContain("response.created");
  });
});

describe("a single word, faintly spoken", () => {
  const thinking = (transcript: string): ScriptedOptions => ({
    pace: "stepped",
    prefilled: () => ({ transcript: { stable: "", tail: "" } }),
    answer: () => [{ channel: "semantic", text: 'The speaker says "' }, { transcript }, { channel: "answer", text: "Thank you!" }],
  });
  /** Lets the model take so many steps before the endpoint and the others after it. */
  const hear = async (transcript: string, stepsBefore: number) => {
    session = openTestSession(thinking(transcript));
    session.speak(300);
    session.pause(300);
    await session.settle();
    session.engine.release(stepsBefore);
    await session.settle();
    session.pause(400);
    await session.settle();
    expect(session.types()).toContain("input_audio_buffer.committed");
    session.engine.releaseAll();
    await session.settle();
  };

  test.each([0, 1, 2, 3])("is answered when the model makes it out while thinking, %s of its steps before the endpoint", async (steps) => {
    await hear("great", steps);
    expect(session.last("response.done").response.status).toBe("completed");
  });

  test.each([0, 1, 2, 3])("is forgotten when there was none, %s of the model's steps before the endpoint", async (steps) => {
    await hear("", steps);
    expect(session.types()).not.toContain("response.created");
  });
});

describe("semantic_vad", () => {
  const scored = (score: (samples: number) => number | undefined): ScriptedOptions => ({
    answer: () => yes,
    prefilled: ({ audioSamples }) => {
      const endOfTurn = score(audioSamples);
      return endOfTurn === undefined ? {} : { endOfTurn };
    },
  });
  /** Milliseconds of silence, in steps of 100, until the turn is over. */
  const patience = async (eagerness: string) => {
    input({ turn_detection: { type: "semantic_vad", eagerness } });
    session.speak(1_000);
    for (let ms = 100; ms <= 9_000; ms += 100) {
      session.pause(100);
      await session.settle();
      if (session.types().includes("input_audio_buffer.committed")) return ms;
    }
    return Number.POSITIVE_INFINITY;
  };

  test.each([
    ["high", 0.95, 200, 400],
    ["high", 0, 2_000, 2_200],
    ["medium", 0.95, 300, 500],
    ["auto", 0.25, 2_100, 2_400],
    ["medium", 0, 4_000, 4_200],
    ["low", 0.95, 500, 700],
    ["low", 0, 8_000, 8_200],
    ["medium", undefined, 800, 1_000],
    ["low", undefined, 1_500, 1_700],
  ])("with eagerness %s and a score of %s waits from %s to %s ms", async (eagerness, score, least, most) => {
    session = openTestSession(scored(() => score));
    const waited = await patience(eagerness);
    expect(waited).toBeGreaterThanOrEqual(least);
    expect(waited).toBeLessThanOrEqual(most);
    expect(session.last("response.done").response.status).toBe("completed");
  });

  test("judges by the pause, too: a score that rises in it ends the turn", async () => {
    session = openTestSession(scored((samples) => (samples > 16_000 * 1.6 ? 0.99 : 0)));
    const waited = await patience("medium");
    expect(waited).toBeGreaterThan(500);
    expect(waited).toBeLessThan(1_200);
  });

  test("lets a speaker go on whom the model thought not finished", async () => {
    const heard: number[] = [];
    session = openTestSession({
      ...scored((samples) => (samples > 40_000 ? 0.99 : 0)),
      answer: ({ audioSamples }) => note(heard, audioSamples),
    });
    input({ turn_detection: { type: "semantic_vad" } });
    session.speak(1_000);
    session.pause(800);
    session.speak(1_000);
    session.pause(800);
    await session.settle();
    expect(session.all("input_audio_buffer.committed")).toHaveLength(1);
    expect(heard).toHaveLength(1);
    expect(heard[0]).toBeGreaterThan(40_000);
  });
});

describe("idle_timeout_ms", () => {
  const turnOfSpeech = async () => {
    session.speak(500);
    session.pause(700);
    await session.settle();
  };
  const start = () => {
    session = openTestSession({ answer: () => yes });
    input({ turn_detection: { type: "server_vad", idle_timeout_ms: 6_000 } });
  };

  test("lets the model speak up when nobody has since its answer", async () => {
    start();
    await turnOfSpeech();
    session.pause(500);
    await session.settle();
    session.clock.advance(6_000);
    await session.settle();
    const timeout = session.last("input_audio_buffer.timeout_triggered");
    expect(timeout.audio_end_ms - timeout.audio_start_ms).toBeGreaterThanOrEqual(400);
    const types = session.types();
    expect(types.slice(types.indexOf("input_audio_buffer.timeout_triggered")).slice(0, 5)).toEqual([
      "input_audio_buffer.timeout_triggered",
      "input_audio_buffer.committed",
      "conversation.item.added",
      "conversation.item.done",
      "response.created",
    ]);
    expect(session.all("response.done")).toHaveLength(2);
    session.clock.advance(6_000);
    await session.settle();
    expect(session.all("response.done")).toHaveLength(3);
  });

  test("does not while somebody speaks, before the first answer, or after it was turned off", async () => {
    start();
    session.clock.advance(20_000);
    await turnOfSpeech();
    session.speak(500);
    await session.settle();
    session.clock.advance(6_000);
    session.pause(700);
    await session.settle();
    input({ turn_detection: { type: "server_vad", idle_timeout_ms: null } });
    await session.settle();
    session.clock.advance(20_000);
    await session.settle();
    expect(session.types()).not.toContain("input_audio_buffer.timeout_triggered");
  });

  test("is shown by the session", async () => {
    start();
    await session.settle();
    expect(session.last("session.updated").session.audio.input.turn_detection.idle_timeout_ms).toBe(6_000);
  });
});
