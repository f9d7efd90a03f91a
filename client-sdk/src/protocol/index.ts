/** The wire contract, shared by gateway, engine and SDK. Imports nothing and runs anywhere. */
export * from "./audio-frame.ts";
export * from "./client-events.ts";
export * from "./errors.ts";
export { array, isRecord, type NumberRange, number, object, oneOf, optional, type Parsed, type Parser, string } from "./schema.ts";
export * from "./server-events.ts";
export * from "./session-config.ts";
export * from "./subprotocol.ts";
