/** Thinking and answering at once, from a vLLM server through a gateway to a client. */
import { openVllmEngine } from "@aloud/engine/vllm";
import { afterEach, expect, test } from "vitest";
import { createLogger, openGateway, readConfig } from "../../gateway/src/index.ts";
import { WireClient } from "../helpers/client.ts";
import { readLegal } from "../helpers/event-grammar.ts";
import type { Request } from "./fake/prompt.ts";
import { startFakeVllm } from "./fake/server.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).reverse()) await close();
});

/** A gateway in front of a server whose thought waits at `thinkUntil` tokens until the answer has come to an end. */
async function answerOver(protocols: string[], thinkAheadTokens: number | undefined) {
  let thought = 0;
  let answered = 0;
  const pace = async ({ messages, max_tokens: maxTokens }: Request) => {
    const isAnswering = String(messages.at(-1).content).includes("</think>");
    if (maxTokens > 1 && !isAnswering && thinkAheadTokens !== undefined) {
      thought += 1;
      while (thought > 12 && answered < 11) await turn();
    }
    if (isAnswering) answered += 1;
    await turn();
  };
  const fake = await startFakeVllm({ pace });
  const engine = openVllmEngine({ url: fake.url, temperature: 0, ...(thinkAheadTokens !== undefined && { thinkAheadTokens }) });
  const gateway = await openGateway({ config: readConfig({ port: 0 }, {}), engine, logger: createLogger("silent") });
  cleanUp.push(
    () => fake.kill(),
    () => engine.close(),
    () => gateway.close("now"),
  );
  const client = await WireClient.open(gateway.url, protocols);
  client.send({
    type: "conversation.item.create",
    item: { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] },
  });
  client.send({ type: "response.create", response: {} });
  const done = await client.wait("response.done");
  readLegal(protocols.includes("aloud.v1") ? "aloud" : "realtime", client.events);
  return { client, done, fake };
}

test("our client is told the answer and thoughts beside it, and all of both", async () => {
  const { client, done } = await answerOver(["aloud.v1"], 8);
  const types = client.events.map(({ type }) => type);
  const firstAnswer = types.indexOf("response.output_text.delta");
  const lastThought = types.lastIndexOf("response.reasoning_text.delta");
  expect(firstAnswer).toBeGreaterThan(0);
  expect(lastThought).toBeGreaterThan(firstAnswer);
  const { status, output, timing, usage } = done.response;
  expect(status).toBe("completed");
  const reasoning = output.find(({ type }: { type: string }) => type === "reasoning");
  const texts = reasoning.content.map(({ text }: { text: string }) => text).join("");
  expect(texts).toMatch(
    /^The speaker sounds calm and asks about \w+\. Pitch falls at the end, so it is a real question; I will answer briefly$/u,
  );
  const message = output.find(({ type }: { type: string }) => type === "message");
  expect(message.content[0].text).toMatch(/^Sure! \w+ looks fine,\u200b with some light wind near noon$/u);
  expect(timing.first_answer_ms).toBeLessThanOrEqual(timing.done_ms);
  expect(usage.output_token_details.reasoning_tokens).toBeGreaterThan(20);
});

test("a stock client is told what it is told when thinking comes first", async () => {
  const told = ({ client }: Awaited<ReturnType<typeof answerOver>>) =>
    client.events.map(({ type, delta }) => (delta === undefined ? type : `${type} ${delta}`));
  expect(told(await answerOver(["realtime"], 8))).toEqual(told(await answerOver(["realtime"], undefined)));
});
