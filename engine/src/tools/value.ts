/** Bare values of a written call ↔ JSON values of the kind that a schema asks for. Pure; whether the result is valid is the schema's to say. */
import { isRecord } from "@aloud/client/protocol";
import { isoDuration, parseDuration, unitOf, writeDuration } from "./duration.ts";
import { plainName } from "./names.ts";

const NUMBER = /^[+-]?\d+(?:\.\d+)?%?$/u;
const CLOCK = /^(\d{1,2})(?::(\d{2}))?\s?(am|pm)?$/u;
const YES = new Set(["true", "yes", "on"]);
const NO = new Set(["false", "no", "off"]);

/** Types that a schema allows, `null` aside, those of `anyOf` and `oneOf` among them. */
function typesOf(schema: unknown): string[] {
  if (!isRecord(schema)) return [];
  const own = [schema.type].flat().filter((type) => typeof type === "string" && type !== "null");
  const branches = [schema.anyOf, schema.oneOf].flatMap((branch) => (Array.isArray(branch) ? branch : []));
  return [...own.map(String), ...branches.flatMap(typesOf)];
}

function enumOf(schema: unknown): readonly unknown[] {
  if (!isRecord(schema)) return [];
  const branches = [schema.anyOf, schema.oneOf].flatMap((branch) => (Array.isArray(branch) ? branch : []));
  return [...(Array.isArray(schema.enum) ? schema.enum : []), ...("const" in schema ? [schema.const] : []), ...branches.flatMap(enumOf)];
}

/**
 * @param schema of the property
 * @param property its name, which may end in a unit: `duration_minutes`
 * @returns the text itself where nothing else fits
 */
export function toJson(text: string, schema: unknown, property: string): unknown {
  const known = enumOf(schema).find((value) => plainName(String(value)) === plainName(text));
  if (known !== undefined) return known;
  const record = isRecord(schema) ? schema : {};
  for (const type of typesOf(schema)) {
    const value = ofType(type, text, record, property);
    if (value !== undefined) return value;
  }
  return text;
}

function ofType(type: string, text: string, schema: Readonly<Record<string, unknown>>, property: string): unknown {
  switch (type) {
    case "boolean":
      return YES.has(text) ? true : NO.has(text) ? false : undefined;
    case "number":
    case "integer":
      return toNumber(text, schema, property);
    case "array":
      return text.split(" and ").map((item) => toJson(item, schema.items, property));
    case "string":
      return toText(text, schema.format);
    default:
      return undefined;
  }
}

function toNumber(text: string, { maximum }: Readonly<Record<string, unknown>>, property: string): number | undefined {
  const duration = parseDuration(text);
  if (duration !== undefined) return duration.seconds / (unitOf(property)?.seconds ?? 1);
  if (!NUMBER.test(text)) return undefined;
  const value = Number(text.replace("%", ""));
  // A share of one: models speak of percent.
  return typeof maximum === "number" && maximum === 1 && value > 1 ? value / 100 : value;
}

function toText(text: string, format: unknown): string {
  const duration = format === "duration" ? parseDuration(text) : undefined;
  if (duration !== undefined) return isoDuration(duration.seconds);
  const clock = format === "time" ? CLOCK.exec(text) : null;
  if (clock === null) return text;
  const [, hour = "0", minute = "00", half] = clock;
  const hours = half === undefined ? Number(hour) : (Number(hour) % 12) + (half === "pm" ? 12 : 0);
  return `${String(hours).padStart(2, "0")}:${minute}:00`;
}

/** The other way round, for calls of a history. */
export function toBare(value: unknown, property: string, isDuration: boolean): string {
  if (isDuration && typeof value === "number") return writeDuration(value * (unitOf(property)?.seconds ?? 1));
  if (typeof value === "boolean") return value ? "on" : "off";
  if (Array.isArray(value)) return value.map((item) => toBare(item, property, isDuration)).join(" and ");
  if (isRecord(value)) return Object.values(value).map(String).join(" ");
  return value === null || value === undefined ? "" : String(value);
}
