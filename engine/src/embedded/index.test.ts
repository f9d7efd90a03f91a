import { expect, test } from "vitest";
import { describeEngine } from "../testing/contract.ts";
import { openEmbeddedEngine } from "./index.ts";

// A short context, so that the tests that fill it are quick.
describeEngine("the embedded engine with nano", () => openEmbeddedEngine({ contextTokens: 256 }), {
  tool: {
    name: "setTimer",
    parameters: {
      type: "object",
      properties: { durationSeconds: { type: "integer" } },
      required: ["durationSeconds"],
      additionalProperties: false,
    },
  },
  ask: "set a timer for five minutes",
  result: "ok",
});

test("the engine says what nano attends to and which calls it knows", async () => {
  const engine = openEmbeddedEngine();
  expect(engine.info).toMatchObject({ audioWindowMs: 29_760, contextTokens: 1_024, knownTools: expect.arrayContaining(["set_timer"]) });
  await engine.close();
});
