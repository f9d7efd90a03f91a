/**
 * The page's way into a server with keys. The key that a person types is sent once, for a client secret, and kept in this page's memory
 * only, to ask for the next one; the client secret, which expires, survives a reload in the tab's session storage.
 */

export interface Entry {
  /** What to connect with; undefined where nothing is known, as on a server that asks for none. */
  secret(): string | undefined;
  /** Takes a key, or a client secret. Resolves with a complaint, or undefined if it is in. */
  enter(text: string): Promise<string | undefined>;
  /** The server refused the secret: gets another one, if the key is still there. Resolves with whether connecting again makes sense. */
  renew(): Promise<boolean>;
}

export interface EntryOptions {
  /** The part of `Storage` that is needed. */
  readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly fetch: typeof fetch;
  /** The page's own, to which its secrets are bound. */
  readonly origin: string;
}

const STORED = "aloud.client_secret";
/** As long as a server allows, and for more reconnects than a bad line makes in that time. */
const SECRET_SECONDS = 7_200;
const SECRET_USES = 200;

export function createEntry({ storage, fetch, origin }: EntryOptions): Entry {
  let key: string | undefined;

  /** @returns a complaint, or undefined */
  const exchange = async (candidate: string): Promise<string | undefined> => {
    const response = await fetch("/v1/realtime/client_secrets", {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${candidate}` },
      body: JSON.stringify({
        expires_after: { anchor: "created_at", seconds: SECRET_SECONDS },
        aloud: { origin, max_uses: SECRET_USES },
      }),
    }).catch(() => undefined);
    if (response === undefined) return "The server cannot be reached";
    const answer: unknown = await response.json().catch(() => undefined);
    const value = fieldOf(answer, "value");
    if (!response.ok || typeof value !== "string") return messageOf(answer) ?? `The server answered with ${response.status}`;
    key = candidate;
    storage.setItem(STORED, value);
    return undefined;
  };

  return {
    secret: () => storage.getItem(STORED) ?? undefined,
    async enter(text) {
      const candidate = text.trim();
      // Anything else could not even be sent.
      if (!/^[\w.-]+$/.test(candidate)) return "This is no key: keys look like ak_…";
      if (!candidate.startsWith("ek_")) return exchange(candidate);
      storage.setItem(STORED, candidate);
      return undefined;
    },
    async renew() {
      const had = storage.getItem(STORED) !== null;
      storage.removeItem(STORED);
      if (!had || key === undefined) return false;
      const candidate = key;
      key = undefined;
      return (await exchange(candidate)) === undefined;
    },
  };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function messageOf(answer: unknown): string | undefined {
  const message = fieldOf(fieldOf(answer, "error"), "message");
  return typeof message === "string" ? message : undefined;
}
