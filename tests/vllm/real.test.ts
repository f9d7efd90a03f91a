/** The port's contract against a real, unmodified vLLM (`npm run test:vllm` starts it), and that its cache has what was said before the answer is asked for. */
import type { GenerateEvent } from "@aloud/engine";
import { describeEngine } from "@aloud/engine/testing/contract";
import { openVllmEngine, type PromptReport } from "@aloud/engine/vllm";
import { describe, expect, test } from "vitest";
import { pseudoSpeech } from "../../engine/src/testing/pseudo-audio.ts";

const url = process.env.ALOUD_TEST_VLLM_URL;

describe.runIf(url !== undefined)("a real vLLM", () => {
  const open = (options = {}) => openVllmEngine({ url: url ?? "", temperature: 0, ...options });

  describeEngine("the vLLM engine", open);

  test.each([
    // What fills no part yet when the speaker stops is all that is left to take in: of a bare prompt, up to a sixth.
    ["a bare prompt", "You are a helpful voice assistant. Answer briefly.", 0.75],
    ["a prompt with instructions of 250 words", "You are a helpful voice assistant. Answer briefly. ".repeat(31), 0.9],
  ])("has most of 10 s of speech and %s before the answer is asked for", { timeout: 120_000 }, async (_name, instructions, share) => {
    const reports: PromptReport[] = [];
    const engine = open({ cacheSalt: `${process.pid}-${performance.now()}`, onPrompt: (report: PromptReport) => reports.push(report) });
    const conversation = await engine.open({ instructions });
    const speech = pseudoSpeech(10_000, 4_711);
    for (let at = 0; at < speech.length; at += 8_000)
      await conversation.append({ type: "audio", samples: speech.subarray(at, at + 8_000) });
    const asked = performance.now();
    let firstMs = 0;
    const events: GenerateEvent[] = [];
    for await (const event of conversation.generate(
      { mode: "think", maxThinkTokens: 64, maxAnswerTokens: 64 },
      new AbortController().signal,
    )) {
      if (events.length === 0) firstMs = performance.now() - asked;
      events.push(event);
    }
    await engine.close();
    const [report] = reports;
    console.log(`real vLLM: ${JSON.stringify(report)}, first event after ${Math.round(firstMs)} ms`);
    expect(report?.cachedTokens ?? 0).toBeGreaterThan(share * (report?.promptTokens ?? 0));
    const answer = events.map((event) => (event.type === "delta" && event.channel === "answer" ? event.text : "")).join("");
    expect(answer).toMatch(/^Sure! Tomorrow looks fine/u);
  });
});
