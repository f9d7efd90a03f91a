import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadModel } from "./model.ts";
import { NANO_DIR } from "./model-directory.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "aloud-nano-"));
  cpSync(NANO_DIR, dir, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Rewrites a key of config.json and the manifest with it: a whole file that says something wrong. */
function changeConfig(key: string, value: unknown): void {
  const config: Record<string, unknown> = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"));
  const text = JSON.stringify({ ...config, [key]: value });
  writeFileSync(join(dir, "config.json"), text);
  const manifest: { files: Record<string, unknown> } = JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8"));
  const entry = { bytes: Buffer.byteLength(text), sha256: createHash("sha256").update(text).digest("hex") };
  writeFileSync(join(dir, "manifest.json"), JSON.stringify({ files: { ...manifest.files, "config.json": entry } }));
}

test("loadModel() tells how far it is, from 0 and never backwards", async () => {
  const shares: number[] = [];
  const model = await loadModel(dir, (share) => shares.push(share));
  await model.release();
  expect(shares[0]).toBe(0);
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  expect(shares.at(-1)).toBeLessThanOrEqual(1);
});

test("loadModel() refuses a configuration that was changed without its manifest", async () => {
  writeFileSync(join(dir, "config.json"), `${readFileSync(join(dir, "config.json"), "utf8")} `);
  await expect(loadModel(dir, () => {})).rejects.toMatchObject({
    code: "model_file_damaged",
    message: expect.stringContaining("config.json"),
  });
});

test("loadModel() refuses a prompt whose control tokens the model does not have", async () => {
  changeConfig("special_tokens", { "<|user|>": 2 });
  await expect(loadModel(dir, () => {})).rejects.toMatchObject({
    code: "model_invalid",
    message: expect.stringContaining("special_tokens"),
  });
});

test("loadModel() refuses a vocabulary that is not the graphs'", async () => {
  const { vocab_size: vocabSize } = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"));
  changeConfig("vocab_size", vocabSize - 1);
  await expect(loadModel(dir, () => {})).rejects.toMatchObject({
    code: "model_invalid",
    message: expect.stringContaining(`${vocabSize - 1}`),
  });
});
