import { describe, expect, test } from "vitest";
import { answerAhead, isSentenceBreak, wholeSentencesOf } from "./ahead.ts";
import { profileFor } from "./profiles.ts";
import type { StreamPiece } from "./reading.ts";
import { ServerRefusal } from "./server.ts";

type Piece = Extract<StreamPiece, { type: "piece" }>;

test.each([
  ["They ask about rain. It is calm and", "They ask about rain."],
  ["They ask. It is a calm voice, and the question is about tomor", "They ask. It is a calm voice, and the question is about"],
  ["They ask about rain.", "They ask about rain."],
  ["Half of 7 is 3.", "Half of 7 is"],
  ["- rain\n- wind\n- sun", "- rain\n- wind\n"],
  ["The speaker sounds calm ", "The speaker sounds calm"],
  ["tomor", "tomor"],
  ["他问明天的天气。声音", "他问明天的天气。"],
  ["他问明天的天气", "他问明天的天气"],
])("%j is answered from %j", (thought, part) => {
  expect(wholeSentencesOf(thought)).toBe(part);
});

test.each([
  ["It rains.", " Take", true],
  ['"It rains."', " Take", true],
  ["It rains", " and", false],
  ["It is 3.", "5 degrees", false],
  ["明天下雨。", "带", true],
  ["First\n", "Second", true],
  ["", " Take", false],
])("whether after %j %j begins a sentence: %s", (text, next, is) => {
  expect(isSentenceBreak(text, next)).toBe(is);
});

describe("answerAhead()", () => {
  const piece = (content: string, more: Partial<Piece> = {}): Piece => ({
    type: "piece",
    reasoning: "",
    content,
    calls: [],
    finish: undefined,
    usage: undefined,
    ...more,
  });

  async function run(pieces: readonly (Piece | Error)[], { thoughtOverAfter = Number.POSITIVE_INFINITY, abortAfter = 1_000 } = {}) {
    let seen = 0;
    let text = "";
    let tokens = 0;
    let isClosed = false;
    const abort = new AbortController();
    async function* stream() {
      try {
        for (const next of pieces) {
          if (next instanceof Error) throw next;
          seen += 1;
          if (seen > abortAfter) abort.abort();
          yield next;
        }
      } finally {
        isClosed = true;
      }
    }
    const how = await answerAhead(profileFor("Step-Audio-R1"), {
      pieces: stream(),
      answer: () => text,
      isThoughtOver: () => seen > thoughtOverAfter,
      take(more, count) {
        text += more;
        tokens += count;
      },
      signal: abort.signal,
    });
    return { how, text, tokens, isClosed };
  }
  const words = (text: string) => text.split("|").map((word) => piece(word));

  test("says what comes to its end while the thought goes on", async () => {
    expect(await run(words("It| rains|.| Take| care|."))).toEqual({
      how: "ended",
      text: "It rains. Take care.",
      tokens: 6,
      isClosed: true,
    });
  });

  test("stops before the next sentence when the thought is over", async () => {
    const { text, tokens } = await run(words("It| rains|.| Take| care|."), { thoughtOverAfter: 1 });
    expect({ text, tokens }).toEqual({ text: "It rains.", tokens: 3 });
  });

  test("leaves a tool call to the whole thought, and keeps what was said before it", async () => {
    const call = piece("", { calls: [{ index: 0, name: "set_light", arguments: "{}" }] });
    expect(await run([...words("One| moment"), call, ...words(" done")])).toMatchObject({ how: "ended", text: "One moment", tokens: 2 });
  });

  test("says nothing after an abort, also nothing that was held back", async () => {
    expect(await run(words("It| rains <| now"), { abortAfter: 2 })).toMatchObject({ text: "It rains ", isClosed: true });
  });

  test("ends where the model goes on with its template, and a request to a service is not shown", async () => {
    expect(await run([piece("Yes."), piece("<|EOT|>"), piece("human")])).toMatchObject({ how: "ended", text: "Yes." });
    expect(await run([piece('{"model":'), piece('"x"}')])).toMatchObject({ how: "ended", text: "", tokens: 0 });
  });

  test("says when it goes round in circles", async () => {
    const { how, tokens } = await run(Array.from({ length: 80 }, () => piece(" no")));
    expect(how).toBe("loop");
    expect(tokens).toBeLessThan(30);
  });

  test("a server that fails ends it, a bug does not pass for one", async () => {
    expect(await run([...words("It| rains"), new ServerRefusal("gone", 0, "gone")])).toMatchObject({ how: "ended", text: "It rains" });
    await expect(run([piece("It"), new TypeError("bug")])).rejects.toThrow("bug");
  });
});
