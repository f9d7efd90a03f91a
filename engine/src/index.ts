export * from "./engine.ts";
export { compileSchema } from "./tools/schema.ts";
