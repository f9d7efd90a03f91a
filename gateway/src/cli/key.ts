/** `aloud key`: makes, lists and revokes keys in the keys file. A running server reads the file again by itself. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type ApiKey, formatKeys, KEY_NAME, MAX_MINUTES_OF_KEY, MAX_SESSIONS_OF_KEY, parseKeys } from "../auth/keys-file.ts";
import { newSecret } from "../auth/secret.ts";
import { defaultKeysFile } from "../config.ts";
import { KEYS_POLL_MS, MAX_KEYS } from "../limits.ts";
import { UsageError } from "./usage-error.ts";

export const KEY_HELP = `aloud key: make, list and revoke the keys that a server asks for

  aloud key [NAME]            make a key and print it, once: the file keeps its hash only
  aloud key list              the keys there are
  aloud key revoke NAME       revoke a key; its sessions end within ${KEYS_POLL_MS / 1_000} s

  --sessions N          sessions at a time (default: as many as the server has; 0: may only read /metrics)
  --if-none             make it only where there are no keys yet; then nothing is printed on standard output
  --minutes-per-day N   minutes of all its sessions together in a day, from 00:00 UTC (default: no bound)
  --file FILE           keys file (default: ALOUD_KEYS, or ~/.config/aloud/keys.json)
  --json                list as JSON

The key is the only thing on standard output: KEY=$(aloud key phone).`;

export type KeyArgs =
  | { readonly do: "help" }
  | {
      readonly do: "make";
      readonly file: string;
      readonly name: string | undefined;
      readonly sessions: number | undefined;
      readonly minutesPerDay: number | undefined;
      readonly ifNone: boolean;
    }
  | { readonly do: "list"; readonly file: string; readonly json: boolean }
  | { readonly do: "revoke"; readonly file: string; readonly name: string };

/** @throws UsageError, or what parseArgs throws */
export function parseKeyArgs(args: readonly string[]): KeyArgs {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      sessions: { type: "string" },
      "minutes-per-day": { type: "string" },
      "if-none": { type: "boolean" },
      file: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return { do: "help" };
  const file = resolve(values.file ?? defaultKeysFile());
  const [first, second, ...rest] = positionals;
  const limits = values.sessions !== undefined || values["minutes-per-day"] !== undefined || values["if-none"] !== undefined;
  if (first === "list") {
    if (second !== undefined || limits) throw new UsageError("aloud key list takes no name and no limits", "aloud key --help says more");
    return { do: "list", file, json: values.json ?? false };
  }
  if (first === "revoke") {
    if (second === undefined || rest.length > 0 || limits)
      throw new UsageError("expected the name of one key to revoke", "aloud key list shows them");
    return { do: "revoke", file, name: second };
  }
  if (second !== undefined) throw new UsageError(`expected one name, got ${positionals.length}`, "aloud key --help says more");
  if (first !== undefined && !KEY_NAME.test(first))
    throw new UsageError(`"${first}" is no name for a key`, "use up to 64 letters, digits, dots, dashes and underscores");
  return {
    do: "make",
    file,
    name: first,
    sessions: integer("--sessions", values.sessions, MAX_SESSIONS_OF_KEY),
    minutesPerDay: integer("--minutes-per-day", values["minutes-per-day"], MAX_MINUTES_OF_KEY),
    ifNone: values["if-none"] ?? false,
  };
}

function integer(flag: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > max) throw new UsageError(`${flag}: expected a whole number from 0 to ${max}, got "${text}"`);
  return value;
}

export async function key(args: readonly string[]): Promise<number> {
  const parsed = parseKeyArgs(args);
  switch (parsed.do) {
    case "help":
      console.log(KEY_HELP);
      return 0;
    case "list":
      console.log(parsed.json ? JSON.stringify(readKeys(parsed.file).map(shown), null, 2) : table(readKeys(parsed.file)));
      return 0;
    case "revoke":
      revoke(parsed.file, parsed.name);
      console.error(`Revoked "${parsed.name}". A running server ends its sessions within ${KEYS_POLL_MS / 1_000} s.`);
      return 0;
    case "make": {
      const there = parsed.ifNone ? readKeys(parsed.file).length : 0;
      if (there > 0) {
        console.error(`${parsed.file} holds ${there === 1 ? "a key" : `${there} keys`} already; none was made.`);
        return 0;
      }
      const { made, value } = make(parsed);
      console.log(value);
      console.error(
        [
          "",
          `This is the key "${made.name}", shown only this once; ${parsed.file} holds its hash.`,
          `Server:  ALOUD_KEYS=${parsed.file} npx aloud serve --host 0.0.0.0`,
          `Client:  Authorization: Bearer ${value.slice(0, 15)}…   (aloud talk reads it from ALOUD_KEY)`,
        ].join("\n"),
      );
      return 0;
    }
  }
}

function make({ file, name, sessions, minutesPerDay }: Extract<KeyArgs, { do: "make" }>): { made: ApiKey; value: string } {
  return change(file, (keys) => {
    if (keys.length >= MAX_KEYS)
      throw new UsageError(`${file} holds ${keys.length} keys, as many as it may`, "revoke those that nobody uses");
    if (keys.some((other) => other.name === name))
      throw new UsageError(`there is a key "${name}" already`, `revoke it first (aloud key revoke ${name}), or choose another name`);
    const { id, value, hash } = newSecret("ak");
    const created = new Date().toISOString().slice(0, 10);
    const made: ApiKey = { id, name: name ?? freeName(keys), hash, created, sessions, minutesPerDay };
    return { keys: [...keys, made], result: { made, value } };
  });
}

function freeName(keys: readonly ApiKey[]): string {
  const taken = new Set(keys.map(({ name }) => name));
  for (let n = 1; ; n++) if (!taken.has(`key-${n}`)) return `key-${n}`;
}

function revoke(file: string, name: string): void {
  change(file, (keys) => {
    const left = keys.filter((other) => other.name !== name && other.id !== name);
    if (left.length === keys.length) throw new UsageError(`there is no key "${name}" in ${file}`, "aloud key list shows those there are");
    return { keys: left, result: undefined };
  });
}

/** No file is no keys. @throws AloudError `keys_invalid` */
function readKeys(file: string): readonly ApiKey[] {
  return existsSync(file) ? parseKeys(readFileSync(file, "utf8")) : [];
}

/**
 * Writes the file anew beside the old one and puts it in its place, so that a server never reads half of it. The new file's name is
 * the lock: two commands at the same time would lose one's key.
 */
function change<T>(file: string, work: (keys: readonly ApiKey[]) => { readonly keys: readonly ApiKey[]; readonly result: T }): T {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // A link stays one.
  const target = existsSync(file) ? realpathSync(file) : file;
  const next = `${target}.new`;
  let handle: number;
  try {
    handle = openSync(next, "wx", 0o600);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST")
      throw new UsageError(`${next} exists: another aloud key is at work, or was cut off`, "if none runs, delete that file and try again");
    throw error;
  }
  try {
    const { keys, result } = work(readKeys(target));
    writeFileSync(handle, formatKeys(keys));
    closeSync(handle);
    handle = -1;
    renameSync(next, target);
    return result;
  } catch (error) {
    if (handle !== -1) closeSync(handle);
    rmSync(next, { force: true });
    throw error;
  }
}

function shown({ id, name, created, sessions, minutesPerDay }: ApiKey) {
  return { name, id, created, sessions: sessions ?? null, minutes_per_day: minutesPerDay ?? null };
}

function table(keys: readonly ApiKey[]): string {
  if (keys.length === 0) return "There are no keys. Make one: aloud key NAME";
  const rows = [
    ["name", "id", "created", "sessions", "minutes a day"],
    ...keys.map(({ id, name, created, sessions, minutesPerDay }) => [
      name,
      id,
      created,
      String(sessions ?? "any"),
      String(minutesPerDay ?? "any"),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
