/**
 * Incremental equals one-shot, bitwise: 200 clips, each taken in whole and in random pieces, give the same token ids. It holds because both
 * go through the same loop over whole blocks; int8 graphs round by the extent of a call, so any other way to cut would show here.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { GenerateRequest } from "../engine.ts";
import { cutRandomly, pseudoSpeech, seededRandom } from "../testing/pseudo-audio.ts";
import { EmbeddedConversation } from "./conversation.ts";
import { loadModel, type Model } from "./model.ts";
import { NANO_DIR } from "./model-directory.ts";
import { Scheduler } from "./scheduler.ts";

const CLIPS = 200;
const REQUEST: GenerateRequest = { mode: "think", maxThinkTokens: 3, maxAnswerTokens: 2 };
const NEVER = new AbortController().signal;

let model: Model;
beforeAll(async () => {
  model = await loadModel(NANO_DIR, () => {});
});
afterAll(() => model.release());

/** Everything that is generated asks the tokenizer about its id. */
function recording(into: number[]): Model {
  const { tokenizer } = model;
  return {
    ...model,
    tokenizer: {
      ...tokenizer,
      control(id) {
        into.push(id);
        return tokenizer.control(id);
      },
    },
  };
}

async function tokensFor(pieces: readonly Float32Array[]): Promise<number[]> {
  const ids: number[] = [];
  const conversation = new EmbeddedConversation(recording(ids), new Scheduler(), () => {});
  for (const samples of pieces) await conversation.append({ type: "audio", samples });
  for await (const event of conversation.generate(REQUEST, NEVER)) expect(event.type).toBeDefined();
  await conversation.close();
  return ids;
}

test(`${CLIPS} clips give the same token ids whole and in pieces`, { timeout: 300_000 }, async () => {
  const random = seededRandom(1);
  let tokens = 0;
  for (let clip = 0; clip < CLIPS; clip++) {
    // Most are short, to save time; some are several blocks long.
    const samples = pseudoSpeech(250 + 1_500 * random() ** 3, clip);
    const whole = await tokensFor([samples]);
    const pieces = cutRandomly(samples, clip, 200 + Math.floor(8_000 * random()));
    expect(await tokensFor(pieces), `clip ${clip} in ${pieces.length} pieces`).toEqual(whole);
    tokens += whole.length;
  }
  expect(tokens).toBeGreaterThan(CLIPS);
});
