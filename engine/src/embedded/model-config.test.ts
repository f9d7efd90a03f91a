import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isRecord } from "@aloud/client/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readModelConfig } from "./model-config.ts";

const nano = fileURLToPath(new URL("../../models/nano", import.meta.url));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "aloud-config-"));
  for (const file of ["config.json", "generation_config.json", "preprocessor_config.json", "tools.json"])
    cpSync(join(nano, file), join(dir, file));
});
afterEach(() => rmSync(dir, { recursive: true }));

function change(file: string, change: (value: Record<string, unknown>) => void): void {
  const value: Record<string, unknown> = JSON.parse(readFileSync(join(dir, file), "utf8"));
  change(value);
  writeFileSync(join(dir, file), JSON.stringify(value));
}

test("readModelConfig() reads nano", () => {
  const config = readModelConfig(dir);
  expect(config.name).toBe("nano");
  expect(config).toMatchObject({ contextTokens: 1_024, positionPeriod: 1_024, crossFramesPerBlock: 12, maxCrossFrames: 744 });
  expect(config.channels).toEqual(["semantic", "acoustic", "answer"]);
  expect(config.logMel).toMatchObject({ sampleRateHz: 16_000, fftLength: 400, hopSamples: 160, leftZeros: 240 });
});

test("readModelConfig() names the file and the key that is wrong", () => {
  change("config.json", (config) => {
    config.audio = { block_frames: "48" };
  });
  expect(() => readModelConfig(dir)).toThrow(
    expect.objectContaining({
      code: "model_invalid",
      message: expect.stringMatching(/config\.json: audio: block_frames: expected a number/),
    }),
  );
});

test("readModelConfig() takes a model for trained on instructions only if it says so", () => {
  expect(readModelConfig(dir).prompt.takesInstructions).toBe(false);
  change("config.json", (config) => {
    config.prompt = { ...(isRecord(config.prompt) && config.prompt), instructions: true };
  });
  expect(readModelConfig(dir).prompt.takesInstructions).toBe(true);
});

test("readModelConfig() refuses a channel that it does not know", () => {
  change("config.json", (config) => {
    config.channels = ["answer", "telepathy"];
  });
  expect(() => readModelConfig(dir)).toThrow(
    expect.objectContaining({ code: "model_invalid", message: expect.stringContaining("channels") }),
  );
});

test("readModelConfig() reads the calls that a model knows, but not those that are its own", () => {
  const names = readModelConfig(dir).tools.map(({ name }) => name);
  expect(names).toContain("set_timer");
  expect(names).not.toContain("small_talk");
  expect(readModelConfig(dir).tools.find(({ name }) => name === "set_timer")).toMatchObject({
    parameters: { duration: { type: "string" } },
  });
});

test("readModelConfig() names the tool that is wrong", () => {
  writeFileSync(join(dir, "tools.json"), '[{"name": "set_timer"}]');
  expect(() => readModelConfig(dir)).toThrow(
    expect.objectContaining({ code: "model_invalid", message: expect.stringContaining("tools.json: tools[0]: kind: expected a string") }),
  );
});

test("readModelConfig() reads when the model is to be doubted, and what it then says", () => {
  const confidence = { transcript: 0.6, unclear: { semantic: " The words are not clear.", answer: "Pardon?" } };
  change("config.json", (config) => {
    config.confidence = confidence;
  });
  expect(readModelConfig(dir).confidence).toEqual(confidence);
});

test("readModelConfig() does without what a model need not have", () => {
  change("config.json", (config) => {
    delete config.ctc;
    delete config.transcript;
    delete config.confidence;
  });
  rmSync(join(dir, "tools.json"));
  const config = readModelConfig(dir);
  expect(config.ctc).toBeUndefined();
  expect(config.transcript).toBeUndefined();
  expect(config.confidence).toBeUndefined();
  expect(config.tools).toEqual([]);
});
