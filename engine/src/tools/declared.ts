/**
 * The tools that an app declares, as a model with calls of its own knows them. Such a model was trained on a fixed set of calls (`tools.json`
 * in its directory); an app's tool stands for one of them when, first rule that fits,
 *
 * | | the tool | a parameter |
 * | --- | --- | --- |
 * | 1 | `parameters["x-aloud-tool"]` names it | the property's `x-aloud-parameter` names it |
 * | 2 | same name: `set_timer` | same name: `duration` |
 * | 3 | same name in another spelling: `setTimer`, `set-timer` | `Duration`, `color` for `colour` |
 * | 4 | | with a unit of time behind it: `duration_minutes`, `durationMs`; or a unit alone, for `duration`: `seconds` |
 *
 * and every property that the app requires has a parameter. Values become what the schema asks for (`value.ts`): numbers, booleans (`on`), members of an
 * enum in any spelling, lists (`milk and eggs`), durations in seconds or the unit that the property's name ends in, and text. A parameter
 * without a property is passed on under its own name, unless the schema forbids further properties: then it is left out.
 */
import { isRecord } from "@aloud/client/protocol";
import type { Tool, ToolCall } from "../engine.ts";
import { parseCall, writeCall } from "./call.ts";
import { unitOf } from "./duration.ts";
import { plainName } from "./names.ts";
import { type Check, compileSchema } from "./schema.ts";
import { toBare, toJson } from "./value.ts";

/** A call that a model knows. */
export interface KnownTool {
  readonly name: string;
  /** Parameter → JSON Schema of its value as the model writes it. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

interface Match {
  readonly tool: Tool;
  readonly known: KnownTool;
  /** The model's parameter → the app's property. */
  readonly properties: ReadonlyMap<string, string>;
  readonly check: Check;
}

export type ReadCall = { readonly type: "call"; readonly call: ToolCall } | { readonly type: "invalid"; readonly problem: string };

export class DeclaredTools {
  /** By the model's name; of two tools that stand for one call, the first. */
  readonly #matches: ReadonlyMap<string, Match>;

  /** @throws AloudError `invalid_value` when a schema cannot be used */
  constructor(tools: readonly Tool[], known: readonly KnownTool[]) {
    const matches = new Map<string, Match>();
    for (const tool of tools) {
      const match = matchTool(tool, known);
      if (match !== undefined && !matches.has(match.known.name)) matches.set(match.known.name, match);
    }
    this.#matches = matches;
  }

  /** The model's names of what is declared, in the order of the declarations. */
  get names(): string[] {
    return [...this.#matches.keys()];
  }

  /** Whether the app has a tool for a call that the model wrote. */
  has(text: string): boolean {
    const written = parseCall(text);
    return written !== undefined && this.#matches.has(written.name);
  }

  /** What the model wrote, as the app's tool call, or what is wrong with it. */
  read(text: string): ReadCall {
    const written = parseCall(text);
    if (written === undefined) return { type: "invalid", problem: "it is not written as a call" };
    const match = this.#matches.get(written.name);
    if (match === undefined) return { type: "invalid", problem: "no such tool is declared" };
    const { tool, properties, check } = match;
    const schemas = propertiesOf(tool);
    const others = tool.parameters?.additionalProperties !== false;
    const entries = Object.entries(written.values).flatMap(([parameter, value]): [string, unknown][] => {
      const property = properties.get(parameter);
      if (property !== undefined) return [[property, toJson(value, schemas[property], property)]];
      return others ? [[parameter, toJson(value, match.known.parameters[parameter], parameter)]] : [];
    });
    const values = Object.fromEntries(entries);
    const problem = check(values);
    if (problem !== undefined) return { type: "invalid", problem };
    return { type: "call", call: { type: "tool_call", name: tool.name, arguments: JSON.stringify(values) } };
  }

  /** A call of the history as the model would have written it. Of a tool that it does not know, under the app's names. */
  write({ name, arguments: json }: ToolCall): string {
    const match = [...this.#matches.values()].find(({ tool }) => tool.name === name);
    const parameters = new Map([...(match?.properties ?? [])].map(([parameter, property]) => [property, parameter]));
    const values = Object.entries(objectOf(json)).map(([property, value]) => {
      const parameter = parameters.get(property) ?? property;
      const isDuration = parameter === "duration" || parameter === "delay" || unitOf(property) !== undefined;
      return [parameter, toBare(value, property, isDuration)] as const;
    });
    return writeCall({ name: match?.known.name ?? name, values: Object.fromEntries(values) });
  }
}

function matchTool(tool: Tool, known: readonly KnownTool[]): Match | undefined {
  // Also compiled when nothing matches: a schema that is none is an error, known tool or not.
  const check = compileSchema(tool.name, tool.parameters);
  const alias = tool.parameters?.["x-aloud-tool"];
  const found =
    alias === undefined
      ? (known.find(({ name }) => name === tool.name) ?? known.find(({ name }) => plainName(name) === plainName(tool.name)))
      : known.find(({ name }) => name === alias);
  if (found === undefined) return undefined;
  const schemas = propertiesOf(tool);
  const properties = new Map<string, string>();
  for (const parameter of Object.keys(found.parameters)) {
    const property = matchParameter(parameter, schemas);
    if (property !== undefined) properties.set(parameter, property);
  }
  const given = new Set(properties.values());
  const required = Array.isArray(tool.parameters?.required) ? tool.parameters.required : [];
  // The model could never fill it in.
  if (required.some((property) => !given.has(property))) return undefined;
  return { tool, known: found, properties, check };
}

function matchParameter(parameter: string, schemas: Readonly<Record<string, unknown>>): string | undefined {
  const names = Object.keys(schemas);
  const alias = (name: string) => {
    const schema = schemas[name];
    return isRecord(schema) ? schema["x-aloud-parameter"] : undefined;
  };
  const free = names.filter((name) => alias(name) === undefined);
  const plain = plainName(parameter);
  return (
    names.find((name) => alias(name) === parameter) ??
    free.find((name) => name === parameter) ??
    free.find((name) => plainName(name) === plain) ??
    free.find((name) => {
      const unit = unitOf(name);
      return unit !== undefined && plainName(unit.name) === (parameter === "duration" && unit.name === "" ? "" : plain);
    })
  );
}

function propertiesOf({ parameters }: Tool): Readonly<Record<string, unknown>> {
  const properties = parameters?.properties;
  return isRecord(properties) ? properties : {};
}

/** Arguments of a history may be anything: it comes from outside. */
function objectOf(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
