export * from "./engine.ts";
export { NO_TELEMETRY } from "./telemetry.ts";
export { compileSchema } from "./tools/schema.ts";
