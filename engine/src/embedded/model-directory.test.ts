import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { graphPath, readModelJson, readModelList, verifyModelDirectory } from "./model-directory.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "aloud-model-"));
  mkdirSync(join(dir, "onnx"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const sha256 = (content: string) => createHash("sha256").update(content).digest("hex");

function writeModel(files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) writeFileSync(join(dir, path), content);
  const entries = Object.entries(files).map(([path, content]) => [path, { bytes: content.length, sha256: sha256(content) }]);
  writeFileSync(join(dir, "manifest.json"), JSON.stringify({ files: Object.fromEntries(entries) }));
}

describe("verifyModelDirectory()", () => {
  test("accepts what the manifest lists and reports how far it is", async () => {
    writeModel({ "config.json": "{}", "onnx/embed_tokens.onnx": "123456" });
    const shares: number[] = [];
    await verifyModelDirectory(dir, (share) => shares.push(share));
    expect(shares).toEqual([0.25, 1]);
  });

  test("names a missing file with the size and hash it should have", async () => {
    writeModel({ "config.json": "{}", "onnx/embed_tokens.onnx": "123456" });
    rmSync(join(dir, "onnx/embed_tokens.onnx"));
    await expect(verifyModelDirectory(dir, () => {})).rejects.toMatchObject({
      code: "model_file_missing",
      message: expect.stringMatching(new RegExp(`onnx/embed_tokens\\.onnx does not exist; expected 6 bytes.*${sha256("123456")}`)),
    });
  });

  test("names a cut file with both sizes", async () => {
    writeModel({ "config.json": "{}" });
    writeFileSync(join(dir, "config.json"), "{");
    await expect(verifyModelDirectory(dir, () => {})).rejects.toMatchObject({
      code: "model_file_damaged",
      message: expect.stringContaining("expected 2 bytes, got 1"),
    });
  });

  test("names a changed file of the right size with both hashes", async () => {
    writeModel({ "config.json": "{}" });
    writeFileSync(join(dir, "config.json"), "[]");
    await expect(verifyModelDirectory(dir, () => {})).rejects.toMatchObject({
      code: "model_file_damaged",
      message: expect.stringContaining(`expected sha256 ${sha256("{}")}, got ${sha256("[]")}`),
    });
  });

  test("wants a manifest", async () => {
    await expect(verifyModelDirectory(dir, () => {})).rejects.toMatchObject({ code: "model_file_missing" });
    writeFileSync(join(dir, "manifest.json"), '{"files": {"config.json": {"bytes": "2"}}}');
    await expect(verifyModelDirectory(dir, () => {})).rejects.toMatchObject({ code: "model_invalid" });
  });
});

test("readModelJson() tells a file that is absent from one that is no JSON object", () => {
  expect(() => readModelJson(dir, "config.json")).toThrow(expect.objectContaining({ code: "model_file_missing" }));
  writeFileSync(join(dir, "config.json"), "[1]");
  expect(() => readModelJson(dir, "config.json")).toThrow(expect.objectContaining({ code: "model_invalid" }));
  expect(readModelList(dir, "config.json")).toEqual([1]);
  writeFileSync(join(dir, "config.json"), "{}");
  expect(() => readModelList(dir, "config.json")).toThrow(expect.objectContaining({ code: "model_invalid" }));
});

test("graphPath() prefers the quantised graph and says what it looked for", () => {
  expect(() => graphPath(dir, "embed_tokens")).toThrow(expect.objectContaining({ code: "model_file_missing" }));
  writeFileSync(join(dir, "onnx/embed_tokens.onnx"), "");
  writeFileSync(join(dir, "onnx/embed_tokens_quantized.onnx"), "");
  expect(graphPath(dir, "embed_tokens")).toBe(join(dir, "onnx/embed_tokens_quantized.onnx"));
});
