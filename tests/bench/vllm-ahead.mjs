/**
 * Endpoint → first word of the answer when the answer waits for the whole thought, and when it begins at so many tokens of it (`aloud serve --think-ahead`): what is won,
 * and what two requests at once cost the turn. A turn ends with its thought, so *done* is about the same.
 */
import { randomUUID } from "node:crypto";
import { openVllmEngine } from "@aloud/engine/vllm";
import { median, ms, ratio } from "./table.mjs";
import { hear, PAUSE, speechOf } from "./vllm-speech.mjs";

const SPEECH_S = 10;
const ANSWER_TOKENS = 64;
const NEVER = new AbortController().signal;

/** @param {{ urls: readonly string[], model?: string, ahead: readonly number[], thinkTokens: number, repeats: number }} options 0 is off */
export async function measureAhead({ urls, model, ahead, thinkTokens, repeats }) {
  const runs = ahead.map((tokens) => {
    const engine = openVllmEngine({
      urls,
      cacheSalt: randomUUID(),
      ...(model !== undefined && { model }),
      ...(tokens > 0 && { thinkAheadTokens: tokens }),
    });
    return { tokens, engine, firsts: [], dones: [], thoughts: [], wordsAhead: [] };
  });
  try {
    // Interleaved, so that a change of the machine's mood meets all alike; the first round only warms up.
    for (let n = 0; n <= repeats; n += 1) {
      for (const run of runs) {
        const turn = await thinkingTurn(run.engine, speechOf(SPEECH_S, 500 + n), thinkTokens);
        if (n === 0) continue;
        run.firsts.push(turn.firstMs);
        run.dones.push(turn.doneMs);
        run.thoughts.push(turn.thinkTokens);
        run.wordsAhead.push(turn.answerTokensAhead);
      }
    }
  } finally {
    for (const { engine } of runs) await engine.close();
  }
  return runs.map(({ engine: _, ...run }) => run);
}

async function thinkingTurn(engine, samples, maxThinkTokens) {
  const conversation = await engine.open({});
  try {
    await hear(conversation, samples);
    await conversation.append({ type: "audio", samples: PAUSE });
    const askedAt = performance.now();
    let firstMs = Number.NaN;
    let answerTokensAhead = 0;
    let usage;
    // Sampled, because weights without training repeat themselves.
    const request = { mode: "think", maxThinkTokens, maxAnswerTokens: ANSWER_TOKENS, sampling: { temperature: 1, topP: 1 } };
    for await (const event of conversation.generate(request, NEVER)) {
      if (event.type === "end") usage = event.usage;
      if (event.type !== "delta" || event.channel !== "answer") continue;
      if (Number.isNaN(firstMs)) firstMs = performance.now() - askedAt;
      if (event.isAhead) answerTokensAhead += event.tokens;
    }
    return { firstMs, doneMs: performance.now() - askedAt, thinkTokens: usage.thinkTokens, answerTokensAhead };
  } finally {
    await conversation.close();
  }
}

/** @returns the table, with ratios to the first row */
export function aheadTable(runs, model, repeats) {
  const [base] = runs;
  const rows = runs.map(({ tokens, firsts, dones, thoughts, wordsAhead }) => ({
    "think ahead": tokens === 0 ? "off" : `${tokens}`,
    "thinking tokens": `${median(thoughts)}`,
    "first answer": ms(median(firsts)),
    "to the first row": ratio(median(firsts), median(base.firsts)),
    done: ms(median(dones)),
    "done, to the first row": ratio(median(dones), median(base.dones)),
    "answer tokens before the thought's end": `${median(wordsAhead)}`,
  }));
  return {
    title: `endpoint → first word of the answer, by when it begins (${model}, ${SPEECH_S} s of speech, median of ${repeats})`,
    rows,
    raw: runs,
  };
}
