/**
 * The keys file: JSON that `aloud key` writes and an operator may read, edit and keep in version control, since it holds hashes only.
 *
 *     { "keys": [{ "id": "3f9a1b2c4d5e", "name": "laptop", "sha256": "…", "created": "2026-12-01", "sessions": 4, "minutes_per_day": 600 }] }
 */
import { AloudError, isRecord, schema } from "@aloud/client/protocol";
import { MAX_KEYS } from "../limits.ts";

export interface ApiKey {
  readonly id: string;
  /** Unique; what logs, metrics and people call it. */
  readonly name: string;
  readonly hash: Buffer;
  /** `2026-12-01`. */
  readonly created: string;
  /** Sessions at a time; undefined for as many as the server has. 0 opens none, and can still read `/metrics`. */
  readonly sessions: number | undefined;
  /** Minutes of all its sessions together in a day (UTC); undefined for no bound. */
  readonly minutesPerDay: number | undefined;
}

export const KEY_NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;
export const MAX_SESSIONS_OF_KEY = 100_000;
/** A thousand sessions all day long. */
export const MAX_MINUTES_OF_KEY = 1_440_000;

const matching = (form: RegExp, expected: string): schema.Parser<string> => {
  const text = schema.string(128);
  return (value, path) => {
    const found = text(value, path);
    // Not repeated: somebody may have put a key where its hash belongs.
    if (!form.test(found)) throw new AloudError("invalid_value", `${path}: expected ${expected}`, { param: path });
    return found;
  };
};

const entry = schema.object({
  id: matching(/^[0-9a-f]{12}$/, "12 hexadecimal digits"),
  name: matching(KEY_NAME, "a name of up to 64 letters, digits, dots, dashes and underscores"),
  sha256: matching(/^[0-9a-f]{64}$/, "64 hexadecimal digits"),
  created: matching(/^\d{4}-\d{2}-\d{2}$/, "a date like 2026-12-01"),
  sessions: schema.optional(schema.number({ min: 0, max: MAX_SESSIONS_OF_KEY, integer: true })),
  minutes_per_day: schema.optional(schema.number({ min: 0, max: MAX_MINUTES_OF_KEY, integer: true })),
});
const ENTRY_FIELDS = new Set(["id", "name", "sha256", "created", "sessions", "minutes_per_day"]);
const entries = schema.array((value, path) => {
  // A limit whose name was misspelled must not be no limit.
  const unknown = isRecord(value) ? Object.keys(value).filter((field) => !ENTRY_FIELDS.has(field)).length : 0;
  if (unknown > 0)
    throw new AloudError("invalid_value", `${path}: expected only ${[...ENTRY_FIELDS].join(", ")}, got ${unknown} other field(s)`);
  return entry(value, path);
}, MAX_KEYS);

/** @throws AloudError `keys_invalid`, naming the place and repeating nothing of the content */
export function parseKeys(text: string): readonly ApiKey[] {
  try {
    const content = parseJson(text);
    if (!isRecord(content)) throw new AloudError("invalid_type", 'expected an object with the list "keys"');
    const keys = entries(Object.hasOwn(content, "keys") ? content.keys : undefined, "keys");
    for (const field of ["id", "name"] as const) {
      const seen = new Set(keys.map((key) => key[field]));
      if (seen.size < keys.length) throw new AloudError("invalid_value", `two keys have the same ${field}`);
    }
    return keys.map(({ id, name, sha256, created, sessions, minutes_per_day }) => ({
      id,
      name,
      hash: Buffer.from(sha256, "hex"),
      created,
      sessions,
      minutesPerDay: minutes_per_day,
    }));
  } catch (error) {
    throw new AloudError("keys_invalid", AloudError.from(error).message, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw new AloudError("invalid_json", "this is not JSON");
  }
}

export function formatKeys(keys: readonly ApiKey[]): string {
  const list = keys.map(({ id, name, hash, created, sessions, minutesPerDay }) => ({
    id,
    name,
    sha256: hash.toString("hex"),
    created,
    ...(sessions !== undefined && { sessions }),
    ...(minutesPerDay !== undefined && { minutes_per_day: minutesPerDay }),
  }));
  return `${JSON.stringify({ keys: list }, null, 2)}\n`;
}
