/** The embedded engine: onnxruntime in a supervised child process, nano by default. */
export { type EmbeddedEngine, type EmbeddedEngineOptions, openEmbeddedEngine } from "./host.ts";
export { NANO_DIR } from "./model-directory.ts";
