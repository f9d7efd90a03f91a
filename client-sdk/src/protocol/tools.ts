/**
 * Function tools as a session declares them, and which of them the model may call. A tool's `parameters` are JSON Schema; the
 * contract carries them as they are, and the engine checks every call against them before the app hears of it.
 */
import { AloudError } from "./errors.ts";
import { array, json, nullable, object, oneOf, optional, type Parsed, type Parser, string, tagged, unsupported } from "./schema.ts";

export type JsonSchema = { readonly [key: string]: unknown };

export interface FunctionTool {
  readonly type: "function";
  readonly name: string;
  readonly description?: string;
  readonly parameters: JsonSchema;
}

/** `required`: the model must call one; an object: it must call this one. */
export type ToolChoice = "auto" | "none" | "required" | { readonly type: "function"; readonly name: string };

const MAX_TOOLS = 128;
const MAX_NAME_LENGTH = 64;
const MAX_DESCRIPTION_LENGTH = 4_096;
/** Schemas nest by `properties` and `items`; real ones stay below half of this. */
const MAX_SCHEMA_DEPTH = 32;
const MCP = 'MCP servers are not called from here; expected "function"';

/** What may stand in a function's name, as OpenAI has it. */
export const toolName: Parser<string> = (value, path) => {
  const name = string(MAX_NAME_LENGTH)(value, path);
  if (!/^[\w-]+$/.test(name))
    throw new AloudError("invalid_value", `${path}: expected 1 to ${MAX_NAME_LENGTH} letters, digits, "_" or "-"`, { param: path });
  return name;
};

const functionTool = object({
  type: oneOf("function"),
  name: toolName,
  description: optional(nullable(string(MAX_DESCRIPTION_LENGTH))),
  parameters: optional(nullable(json(MAX_SCHEMA_DEPTH))),
});

const tool: Parser<FunctionTool> = (value, path) => {
  const { type, name, description, parameters } = tagged(
    "type",
    { function: functionTool, mcp: unsupported(MCP, "type") },
    "unsupported_value",
  )(value, path);
  return { type, name, ...(description && { description }), parameters: parameters ?? { type: "object", properties: {} } };
};

/** @throws AloudError also when two tools have one name */
export const tools: Parser<readonly FunctionTool[]> = (value, path) => {
  const parsed = array(tool, MAX_TOOLS)(value, path);
  const names = new Set<string>();
  parsed.forEach(({ name }, index) => {
    const param = `${path}[${index}].name`;
    if (names.has(name)) throw new AloudError("invalid_value", `${param}: another tool has this name`, { param });
    names.add(name);
  });
  return parsed;
};

const chosenFunction = object({
  type: oneOf("function"),
  name: optional(toolName),
  /** The Chat Completions form, which clients still send. */
  function: optional(object({ name: toolName })),
});

export const toolChoice: Parser<ToolChoice> = (value, path) => {
  if (typeof value === "string") return oneOf("auto", "none", "required")(value, path);
  const choice: Parsed<typeof chosenFunction> = tagged(
    "type",
    { function: chosenFunction, mcp: unsupported(MCP, "type") },
    "unsupported_value",
  )(value, path);
  return { type: "function", name: toolName(choice.name ?? choice.function?.name, `${path}.name`) };
};

/** A choice can only name a tool that there is. */
export function isAvailable(choice: ToolChoice, available: readonly FunctionTool[]): boolean {
  return typeof choice === "string" || available.some(({ name }) => name === choice.name);
}

/** @throws AloudError `invalid_value` */
export function checkToolChoice(choice: ToolChoice, available: readonly FunctionTool[], path: string): void {
  if (isAvailable(choice, available)) return;
  throw new AloudError("invalid_value", `${path}.name: no tool of this name is declared`, { param: `${path}.name` });
}
