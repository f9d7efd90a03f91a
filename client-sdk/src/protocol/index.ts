/** The wire contract, shared by gateway, engine and SDK. Imports nothing and runs anywhere. */
export * from "./audio-frame.ts";
export * from "./client-events.ts";
export * from "./errors.ts";
export * from "./items.ts";
export * as schema from "./schema.ts";
export { isRecord, type NumberRange, type Parsed, type Parser } from "./schema.ts";
export * from "./server-events.ts";
export * from "./session-config.ts";
export * from "./subprotocol.ts";
export * from "./tools.ts";
