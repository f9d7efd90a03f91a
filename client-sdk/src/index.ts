/** The client core: a connection, and what is known of its conversation. No DOM, no dependencies. */
export * from "./connection.ts";
export * from "./conversation/conversation.ts";
export { reduce } from "./conversation/reduce.ts";
export * from "./protocol/index.ts";
export { createToolbox, type Tool, type Toolbox } from "./tools.ts";
