/** The keys that are good now: read at start, and again whenever the file changes, so that a revoked key ends within seconds. */
import { readFile, stat } from "node:fs/promises";
import { AloudError } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import { KEYS_POLL_MS, MAX_KEYS_FILE_BYTES } from "../limits.ts";
import type { Logger } from "../log.ts";
import { type ApiKey, parseKeys } from "./keys-file.ts";

export interface Keyring {
  find(id: string): ApiKey | undefined;
  all(): Iterable<ApiKey>;
  size(): number;
  /** Called with the ids of keys that were there and are not any more. One listener. */
  onRevoked(listener: (ids: readonly string[]) => void): void;
  close(): void;
}

export interface KeyringOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The file is looked at, not watched: that works the same over network file systems, container mounts and editors that replace files.
 * A file that has become unreadable or wrong changes nothing (the log says so): half an edit must not lock everybody out.
 * @throws AloudError `keys_invalid` when the file cannot be read at start
 */
export async function openKeyring({ path, clock, logger }: KeyringOptions): Promise<Keyring> {
  let { keys, version } = await read(path, undefined);
  let complaint = "";
  let state: "open" | "closed" = "open";
  let cancel = () => {};
  let listener: (ids: readonly string[]) => void = () => {};

  const look = async () => {
    try {
      const now = await read(path, version);
      complaint = "";
      if (now.version === version || state === "closed") return;
      const gone = [...keys.keys()].filter((id) => !now.keys.has(id));
      ({ keys, version } = now);
      logger.info({ keys: keys.size, revoked: gone.length }, "keys read again");
      if (gone.length > 0) listener(gone);
    } catch (error) {
      const { message, code } = AloudError.from(error);
      if (message !== complaint) logger.error({ code, reason: message }, "the keys file cannot be used; the keys stay as they were");
      complaint = message;
    }
  };
  const schedule = () => {
    cancel = clock.after(KEYS_POLL_MS, () => {
      void look().then(() => {
        if (state === "open") schedule();
      });
    });
  };
  schedule();

  return {
    find: (id) => keys.get(id),
    all: () => keys.values(),
    size: () => keys.size,
    onRevoked: (next) => {
      listener = next;
    },
    close: () => {
      state = "closed";
      cancel();
    },
  };
}

interface Version {
  readonly keys: ReadonlyMap<string, ApiKey>;
  readonly version: string;
}

/** @param known the version that the caller has: then nothing is read, and `keys` is empty */
async function read(path: string, known: string | undefined): Promise<Version> {
  try {
    // Looked at before it is read: a change in between is seen the next time.
    const { mtimeMs, ctimeMs, size, ino } = await stat(path);
    const version = [mtimeMs, ctimeMs, size, ino].join(" ");
    if (version === known) return { keys: new Map(), version };
    if (size > MAX_KEYS_FILE_BYTES)
      throw new AloudError("keys_invalid", `the file has ${size} bytes; at most ${MAX_KEYS_FILE_BYTES} are expected`);
    return { keys: new Map(parseKeys(await readFile(path, "utf8")).map((key) => [key.id, key])), version };
  } catch (error) {
    throw new AloudError("keys_invalid", `${path}: ${reasonOf(error, path)}`, { cause: error });
  }
}

function reasonOf(error: unknown, path: string): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return `no such file; make it with: npx aloud key --file ${path}`;
  if (code === "EACCES") return "this user may not read it; give it to the user that the server runs as";
  return error instanceof Error ? error.message : String(error);
}
