import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { loadGraph, zeros } from "./graph.ts";
import { graphPath, NANO_DIR } from "./model-directory.ts";

test("loadGraph() refuses a file that is no graph, and says which", async () => {
  const dir = mkdtempSync(join(tmpdir(), "aloud-graph-"));
  const path = join(dir, "model.onnx");
  writeFileSync(path, "not a graph");
  await expect(loadGraph(path, { inputs: [], outputs: [] })).rejects.toMatchObject({
    code: "model_invalid",
    message: expect.stringContaining(path),
  });
  rmSync(dir, { recursive: true });
});

test("loadGraph() names the inputs and outputs that a graph lacks", async () => {
  const path = graphPath(NANO_DIR, "embed_tokens");
  await expect(loadGraph(path, { inputs: ["input_ids", "pixels"], outputs: ["logits"] })).rejects.toMatchObject({
    code: "model_invalid",
    message: expect.stringMatching(/lacks input pixels, output logits$/),
  });
});

test("loadGraph() tells for each operation, once, where it ran, and leaves no file behind", async () => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith("aloud-profile-"));
  const graph = await loadGraph(graphPath(NANO_DIR, "embed_tokens"), {
    inputs: ["input_ids"],
    outputs: ["inputs_embeds"],
    profiled: true,
  });
  for (let n = 0; n < 2; n++) await graph.run({ input_ids: new Tensor("int64", new BigInt64Array([1n]), [1, 1]) }, ["inputs_embeds"]);
  expect(graph.placement()).toEqual({ CPUExecutionProvider: graph.placement().CPUExecutionProvider });
  expect(graph.placement().CPUExecutionProvider).toBeGreaterThan(0);
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("aloud-profile-"))).toEqual(before);
  await graph.release();
});

test("loadGraph() tells the state's shapes, growing dimensions as 0", async () => {
  const graph = await loadGraph(graphPath(NANO_DIR, "audio_encoder"), { inputs: ["input_features"], outputs: ["cross_key"] });
  const key = graph.inputs.find(({ name }) => name === "past.key");
  expect(key).toMatchObject({ type: "float32" });
  expect(key?.shape).toContain(0);
  expect(key && zeros(key).data.length).toBe(0);
  await graph.release();
});
