/**
 * Small parsers for untrusted JSON. Each takes a value and the path it stands at, and returns the typed value or
 * throws an AloudError that names the field, what was expected and what came. Unknown keys are ignored, because stock
 * clients send fields that we do not know (see docs/protocol.md); they are never copied into the result.
 * Hand-written so that the SDK stays without dependencies (docs/decisions/).
 */
import { AloudError } from "./errors.ts";

export type Parser<T> = (value: unknown, path: string) => T;
export type Parsed<P> = P extends Parser<infer T> ? T : never;

/** Says what came, shortly and without repeating a person's words: the type, and the value only if it is a number, boolean or short word. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "string") return /^[\w./+-]{0,32}$/.test(value) ? `"${value}"` : `a string of ${value.length} characters`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return value === undefined ? "nothing" : `a value of type ${typeof value}`;
}

function wrongType(path: string, expected: string, value: unknown): AloudError {
  if (value === undefined) return new AloudError("missing_required_parameter", `${path} is missing; expected ${expected}`, { param: path });
  return new AloudError("invalid_type", `${path}: expected ${expected}, got ${describe(value)}`, { param: path });
}

function wrongValue(path: string, expected: string, value: unknown): AloudError {
  return new AloudError("invalid_value", `${path}: expected ${expected}, got ${describe(value)}`, { param: path });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A string of at most `maxLength` UTF-16 units. */
export function string(maxLength: number): Parser<string> {
  return (value, path) => {
    if (typeof value !== "string") throw wrongType(path, "a string", value);
    if (value.length > maxLength) throw wrongValue(path, `at most ${maxLength} characters`, value);
    return value;
  };
}

export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly integer?: boolean;
}

export function number({ min, max, integer = false }: NumberRange): Parser<number> {
  const expected = `${integer ? "an integer" : "a number"} from ${min} to ${max}`;
  return (value, path) => {
    if (typeof value !== "number" || Number.isNaN(value)) throw wrongType(path, expected, value);
    if (value < min || value > max || (integer && !Number.isInteger(value))) throw wrongValue(path, expected, value);
    return value;
  };
}

export const boolean: Parser<boolean> = (value, path) => {
  if (typeof value !== "boolean") throw wrongType(path, "true or false", value);
  return value;
};

/** One of the given literals. */
export function oneOf<const T extends string | number>(...allowed: readonly T[]): Parser<T> {
  const expected = allowed.map((a) => JSON.stringify(a)).join(" or ");
  return (value, path) => {
    const found = allowed.find((a) => a === value);
    if (found !== undefined) return found;
    throw value === undefined || typeof value !== typeof allowed[0] ? wrongType(path, expected, value) : wrongValue(path, expected, value);
  };
}

export function nullable<T>(inner: Parser<T>): Parser<T | null> {
  return (value, path) => (value === null ? null : inner(value, path));
}

/** A JSON object of any shape, at most `maxDepth` deep, taken as it is. */
export function json(maxDepth: number): Parser<{ readonly [key: string]: unknown }> {
  return (value, path) => {
    if (!isRecord(value)) throw wrongType(path, "an object", value);
    if (isDeeper(value, maxDepth)) throw new AloudError("invalid_value", `${path}: expected at most ${maxDepth} levels`, { param: path });
    return value;
  };
}

/** Stops at the depth that is too much, so that a message nested on purpose costs nothing. */
function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return depth === 0 || Object.values(value).some((inner) => isDeeper(inner, depth - 1));
}

/**
 * A part of the Realtime schema that Aloud does not offer: anything but `null` is refused, with a message that says what to do.
 * @param key the field below `path` that is named as being at fault, if it is not `path` itself
 */
export function unsupported(what: string, key?: string): Parser<never> {
  return (_value, path) => {
    const at = key === undefined ? path : path ? `${path}.${key}` : key;
    throw new AloudError("unsupported_value", `${at}: ${what}`, { param: at });
  };
}

/** An array of at most `maxItems`. */
export function array<T>(inner: Parser<T>, maxItems: number): Parser<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrongType(path, "an array", value);
    if (value.length > maxItems) throw wrongValue(path, `at most ${maxItems} items`, value);
    return value.map((item, index) => inner(item, `${path}[${index}]`));
  };
}

interface OptionalParser<T> {
  readonly optional: Parser<T>;
}
/** Marks a key that may be absent; in the result it is then absent too. */
export function optional<T>(inner: Parser<T>): OptionalParser<T> {
  return { optional: inner };
}

type Shape = Record<string, Parser<unknown> | OptionalParser<unknown>>;
type RequiredKeys<S extends Shape> = { [K in keyof S]: S[K] extends OptionalParser<unknown> ? never : K }[keyof S];
type OptionalKeys<S extends Shape> = { [K in keyof S]: S[K] extends OptionalParser<unknown> ? K : never }[keyof S];
type ObjectOf<S extends Shape> = { [K in RequiredKeys<S>]: S[K] extends Parser<infer T> ? T : never } & {
  [K in OptionalKeys<S>]?: S[K] extends OptionalParser<infer T> ? T : never;
};
type Flat<T> = { [K in keyof T]: T[K] };

/** An object with the given keys. Reads own keys only; unknown keys are dropped. */
export function object<S extends Shape>(shape: S): Parser<Flat<ObjectOf<S>>> {
  const keys = Object.keys(shape);
  return (value, path) => {
    if (!isRecord(value)) throw wrongType(path || "the event", "an object", value);
    const result: Record<string, unknown> = {};
    for (const key of keys) {
      const field = shape[key];
      if (field === undefined) continue;
      const item = Object.hasOwn(value, key) ? value[key] : undefined;
      const at = path ? `${path}.${key}` : key;
      if (typeof field === "function") result[key] = field(item, at);
      else if (item !== undefined) result[key] = field.optional(item, at);
    }
    return result as Flat<ObjectOf<S>>;
  };
}

/** A tagged union: picks the parser by the value of `tag`. `unknownCode` is the error code for a tag that is not listed. */
export function tagged<M extends Record<string, Parser<unknown>>>(
  tag: string,
  members: M,
  unknownCode: "invalid_value" | "unsupported_value" | "unknown_event_type" = "invalid_value",
): Parser<{ [K in keyof M]: Parsed<M[K]> }[keyof M]> {
  const expected = Object.keys(members)
    .map((k) => `"${k}"`)
    .join(", ");
  return (value, path) => {
    if (!isRecord(value)) throw wrongType(path || "the event", "an object", value);
    const at = path ? `${path}.${tag}` : tag;
    const kind = Object.hasOwn(value, tag) ? value[tag] : undefined;
    if (typeof kind !== "string") throw wrongType(at, `one of ${expected}`, kind);
    const member = Object.hasOwn(members, kind) ? members[kind] : undefined;
    if (member === undefined) throw new AloudError(unknownCode, `${at}: expected one of ${expected}, got ${describe(kind)}`, { param: at });
    return member(value, path) as { [K in keyof M]: Parsed<M[K]> }[keyof M];
  };
}
