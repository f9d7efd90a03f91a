/** The port's contract, kept by the vLLM engine against a server that behaves as the recorded one: sorted by the server, and as one text. */
import { describeEngine } from "@aloud/engine/testing/contract";
import { openVllmEngine } from "@aloud/engine/vllm";
import { afterAll } from "vitest";
import { startFakeVllm } from "./fake/server.ts";

const LIGHT = { tool: { name: "set_light" }, ask: "light please", result: "ok" };
const sorted = await startFakeVllm({ contextTokens: 1_024 });
const plain = await startFakeVllm({ contextTokens: 1_024, hasParser: false, think: "text", takesTools: false });
const second = await startFakeVllm({ contextTokens: 1_024 });
const behind = await startFakeVllm({ contextTokens: 1_024, isBehind: true });
afterAll(() => Promise.all([sorted, second, plain, behind].map((fake) => fake.kill())));

describeEngine("the vLLM engine, with a server that sorts", () => openVllmEngine({ url: sorted.url, temperature: 0 }), LIGHT);
describeEngine("the vLLM engine, with two servers", () => openVllmEngine({ urls: [sorted.url, second.url], temperature: 0 }), LIGHT);
describeEngine("the vLLM engine, with a server that gives one text", () => openVllmEngine({ url: plain.url, temperature: 0 }));
describeEngine("the vLLM engine, with a server that is behind", () => openVllmEngine({ url: behind.url, temperature: 0 }), LIGHT);
