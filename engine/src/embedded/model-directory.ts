/**
 * A model on disk, in the transformers.js layout, with a manifest of its files. Every file is checked against the manifest before it
 * is used, so that a broken download or checkout is told apart from a bug.
 */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AloudError, isRecord } from "@aloud/client/protocol";

/** The model inside the package; the path is the same from source and build. */
export const NANO_DIR = fileURLToPath(new URL("../../models/nano", import.meta.url));

/** The directory's name, for what has to be said before the configuration is read. */
export function modelName(dir: string): string {
  return basename(dir);
}

interface ManifestEntry {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

export function hasModelFile(dir: string, path: string): boolean {
  return statSync(join(dir, path), { throwIfNoEntry: false })?.isFile() === true;
}

/** Reads a JSON file of the model directory. @throws AloudError `model_file_missing` or `model_invalid` */
export function readModelJson(dir: string, path: string): Record<string, unknown> {
  const value = readJson(dir, path);
  if (isRecord(value)) return value;
  throw new AloudError("model_invalid", `${join(dir, path)}: expected a JSON object`);
}

/** Like `readModelJson`, for a file that holds a list. */
export function readModelList(dir: string, path: string): unknown[] {
  const value = readJson(dir, path);
  if (Array.isArray(value)) return value;
  throw new AloudError("model_invalid", `${join(dir, path)}: expected a JSON array`);
}

/** @returns undefined when the file is no JSON */
function readJson(dir: string, path: string): unknown {
  let text: string;
  try {
    text = readFileSync(join(dir, path), "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new AloudError("model_file_missing", `${join(dir, path)} does not exist`);
    throw new AloudError("model_file_missing", `${join(dir, path)} cannot be read`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readManifest(dir: string): ManifestEntry[] {
  const { files } = readModelJson(dir, "manifest.json");
  if (!isRecord(files)) throw new AloudError("model_invalid", `${join(dir, "manifest.json")}: files: expected an object`);
  return Object.entries(files).map(([path, entry]) => {
    if (isRecord(entry) && typeof entry.bytes === "number" && typeof entry.sha256 === "string")
      return { path, bytes: entry.bytes, sha256: entry.sha256 };
    throw new AloudError("model_invalid", `${join(dir, "manifest.json")}: files["${path}"]: expected {bytes, sha256}`);
  });
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

async function checkFile(dir: string, { path, bytes, sha256: expected }: ManifestEntry): Promise<void> {
  const full = join(dir, path);
  let size: number;
  try {
    size = statSync(full).size;
  } catch (error) {
    throw new AloudError(
      "model_file_missing",
      `${full} does not exist; expected ${bytes.toLocaleString("en")} bytes with sha256 ${expected}`,
      {
        cause: error,
      },
    );
  }
  if (size !== bytes) {
    const sizes = `expected ${bytes.toLocaleString("en")} bytes, got ${size.toLocaleString("en")}`;
    throw new AloudError("model_file_damaged", `${full} is damaged: ${sizes} (expected sha256 ${expected})`);
  }
  const actual = await sha256(full);
  if (actual !== expected) throw new AloudError("model_file_damaged", `${full} is damaged: expected sha256 ${expected}, got ${actual}`);
}

/**
 * Checks every file of the manifest by size and hash.
 * @param onProgress told the share of bytes that are checked, 0 to 1
 * @throws AloudError `model_file_missing` or `model_file_damaged`, naming the file, its expected and its actual size or hash
 */
export async function verifyModelDirectory(dir: string, onProgress: (share: number) => void): Promise<void> {
  const manifest = readManifest(dir);
  const total = manifest.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const entry of manifest) {
    await checkFile(dir, entry);
    done += entry.bytes;
    onProgress(done / Math.max(1, total));
  }
}

export type GraphRole = "audio_encoder" | "embed_tokens" | "decoder_model_merged" | "scribe_embed_tokens" | "scribe_decoder";

/**
 * The graph file of a role: the quantised one where there is one.
 * @throws AloudError `model_file_missing`
 */
export function graphPath(dir: string, role: GraphRole): string {
  const candidates = ["_quantized", "_int8", "_fp16", ""].map((suffix) => join(dir, "onnx", `${role}${suffix}.onnx`));
  for (const path of candidates) if (statSync(path, { throwIfNoEntry: false })?.isFile()) return path;
  throw new AloudError(
    "model_file_missing",
    `${join(dir, "onnx")} has no graph for ${role}: expected ${role}_quantized.onnx or ${role}.onnx`,
  );
}

/** Whether what thinks is a graph of int8, whose products onnxruntime's CUDA provider leaves to the processor. False when there is no graph. */
export function isInt8Model(dir: string): boolean {
  try {
    return /_(?:quantized|int8)\.onnx$/u.test(graphPath(dir, "decoder_model_merged"));
  } catch {
    return false;
  }
}
