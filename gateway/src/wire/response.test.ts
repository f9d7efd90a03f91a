import type { ServerEventBody, Usage } from "@aloud/client/protocol";
import type { GenerateUsage } from "@aloud/engine";
import { describe, expect, test } from "vitest";
import { ResponseWriter } from "./response.ts";

/** What `response.done` says of an answer's tokens. */
function usageOf(usage: GenerateUsage): Usage["input_token_details"] {
  const events: ServerEventBody[] = [];
  const writer = new ResponseWriter({
    dialect: "realtime",
    conversationId: "conv_1",
    maxOutputTokens: "inf",
    metadata: null,
    send: (event) => void events.push(event),
    announce: () => null,
  });
  writer.push({ channel: "answer", text: "Yes." });
  writer.finish({ status: "ended", end: { reason: "stop", usage } }, undefined);
  const done = events.at(-1);
  if (done?.type !== "response.done" || done.response.usage === null) throw new Error(`ends with ${done?.type}`);
  return done.response.usage.input_token_details;
}

const usage: GenerateUsage = { promptTokens: 100, audioTokens: 30, prefilledTokens: 95, thinkTokens: 5, answerTokens: 5 };

describe("cached_tokens", () => {
  test("are those that the model was given in advance, where no server counts", () => {
    expect(usageOf(usage)).toMatchObject({ cached_tokens: 95, cached_tokens_details: { text_tokens: 65, audio_tokens: 30 } });
  });

  test("are the server's own count where it gives one, from the beginning of the prompt on", () => {
    const of = (cachedTokens: number) => usageOf({ ...usage, cachedTokens });
    expect(of(80)).toMatchObject({ cached_tokens: 80, cached_tokens_details: { text_tokens: 70, audio_tokens: 10 } });
    expect(of(64)).toMatchObject({ cached_tokens: 64, cached_tokens_details: { text_tokens: 64, audio_tokens: 0 } });
    expect(of(0)).toMatchObject({ cached_tokens: 0, cached_tokens_details: { text_tokens: 0, audio_tokens: 0 } });
  });
});
