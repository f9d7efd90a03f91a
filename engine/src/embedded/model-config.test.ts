import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readModelConfig } from "./model-config.ts";

const nano = fileURLToPath(new URL("../../models/nano", import.meta.url));

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "aloud-config-"));
  for (const file of ["config.json", "generation_config.json", "preprocessor_config.json"]) cpSync(join(nano, file), join(dir, file));
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
  expect(config.contextTokens).toBe(1024);
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

test("readModelConfig() refuses a channel that it does not know", () => {
  change("config.json", (config) => {
    config.channels = ["answer", "telepathy"];
  });
  expect(() => readModelConfig(dir)).toThrow(
    expect.objectContaining({ code: "model_invalid", message: expect.stringContaining("channels") }),
  );
});

test("readModelConfig() does without what a model need not have", () => {
  change("config.json", (config) => {
    delete config.ctc;
    delete config.transcript;
  });
  const config = readModelConfig(dir);
  expect(config.ctc).toBeUndefined();
  expect(config.transcript).toBeUndefined();
});
