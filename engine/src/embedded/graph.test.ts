import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

test("loadGraph() tells the state's shapes, growing dimensions as 0", async () => {
  const graph = await loadGraph(graphPath(NANO_DIR, "audio_encoder"), { inputs: ["input_features"], outputs: ["cross_key"] });
  const key = graph.inputs.find(({ name }) => name === "past.key");
  expect(key).toMatchObject({ type: "float32" });
  expect(key?.shape).toContain(0);
  expect(key && zeros(key).data.length).toBe(0);
  await graph.release();
});
