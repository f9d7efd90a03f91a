/** Client secrets: what a page or a device gets instead of a key. In memory only, so that a restart ends them all. */
import { AloudError, type SessionPatch } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import { MAX_CLIENT_SECRET_CHARACTERS, MAX_CLIENT_SECRETS, MAX_CLIENT_SECRETS_PER_KEY } from "../limits.ts";
import { matches, newSecret, parseSecret } from "./secret.ts";

export interface ClientSecretSetup {
  /** The key that asked; undefined on a server without keys. */
  readonly keyId: string | undefined;
  readonly seconds: number;
  readonly maxUses: number;
  /** The only origin that may use it, if it is bound to one. */
  readonly origin: string | undefined;
  /** What its sessions start with. */
  readonly session: SessionPatch;
}

export interface ClientSecret extends ClientSecretSetup {
  readonly id: string;
  /** Unix time, in whole seconds. */
  readonly expiresAt: number;
}

interface Entry extends ClientSecret {
  readonly hash: Buffer;
  readonly characters: number;
  /** On the monotonic clock, in ms. */
  readonly endsAt: number;
  uses: number;
}

const HOW = "ask for a new one: POST /v1/realtime/client_secrets";

export class ClientSecrets {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new Map<string | undefined, number>();
  #characters = 0;
  /** Before this nothing expires, and there is nothing to sweep. */
  #firstEnd = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns `value` is shown this once @throws AloudError `rate_limit_exceeded` when there are too many */
  create(setup: ClientSecretSetup): { readonly value: string; readonly secret: ClientSecret } {
    const now = this.#clock.now();
    const characters = JSON.stringify(setup.session).length;
    this.#makeRoom(setup.keyId, characters, now);
    const { id, value, hash } = newSecret("ek");
    const entry: Entry = {
      ...setup,
      id,
      hash,
      characters,
      expiresAt: Math.floor(this.#clock.unixMs() / 1_000) + setup.seconds,
      endsAt: now + setup.seconds * 1_000,
      uses: 0,
    };
    this.#entries.set(id, entry);
    this.#counts.set(setup.keyId, this.#countOf(setup.keyId) + 1);
    this.#characters += characters;
    this.#firstEnd = Math.min(this.#firstEnd, entry.endsAt);
    return { value, secret: entry };
  }

  /** @throws AloudError `invalid_api_key`: unknown, expired or used up */
  find(value: string): ClientSecret {
    const { id } = parseSecret(value) ?? {};
    const entry = id === undefined ? undefined : this.#entries.get(id);
    if (entry === undefined || !matches(value, entry.hash))
      throw new AloudError("invalid_api_key", `this client secret is unknown, expired or revoked; ${HOW}`);
    if (this.#clock.now() >= entry.endsAt) {
      this.#drop(entry);
      throw new AloudError("invalid_api_key", `this client secret expired after its ${entry.seconds} s; ${HOW}`);
    }
    if (entry.uses >= entry.maxUses)
      throw new AloudError("invalid_api_key", `this client secret opened the ${entry.maxUses} connection(s) it was made for; ${HOW}`);
    return entry;
  }

  /** Counts one connection. */
  use(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.uses += 1;
  }

  /** @param keyId must be the key that made it @throws AloudError `client_secret_not_found` */
  revoke(id: string, keyId: string | undefined): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.keyId !== keyId)
      throw new AloudError("client_secret_not_found", "this key has made no client secret with this id, or it has expired");
    this.#drop(entry);
  }

  revokeOf(keyId: string): void {
    for (const entry of this.#entries.values()) if (entry.keyId === keyId) this.#drop(entry);
  }

  /** Those that have not expired. */
  size(): number {
    this.#sweep(this.#clock.now());
    return this.#entries.size;
  }

  #countOf(keyId: string | undefined): number {
    return this.#counts.get(keyId) ?? 0;
  }

  #drop({ id, keyId, characters }: Entry): void {
    if (!this.#entries.delete(id)) return;
    const count = this.#countOf(keyId) - 1;
    if (count === 0) this.#counts.delete(keyId);
    else this.#counts.set(keyId, count);
    this.#characters -= characters;
  }

  #sweep(now: number): void {
    if (now < this.#firstEnd) return;
    this.#firstEnd = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      if (now >= entry.endsAt) this.#drop(entry);
      else this.#firstEnd = Math.min(this.#firstEnd, entry.endsAt);
    }
  }

  /** What keeps one more out, if anything does. */
  #fullOf(keyId: string | undefined, characters: number): "key" | "server" | undefined {
    if (this.#countOf(keyId) >= MAX_CLIENT_SECRETS_PER_KEY) return "key";
    const full = this.#entries.size >= MAX_CLIENT_SECRETS || this.#characters + characters > MAX_CLIENT_SECRET_CHARACTERS;
    return full ? "server" : undefined;
  }

  #makeRoom(keyId: string | undefined, characters: number, now: number): void {
    // Expired ones take room until somebody needs it.
    if (this.#fullOf(keyId, characters) === undefined) return;
    this.#sweep(now);
    const full = this.#fullOf(keyId, characters);
    if (full === undefined) return;
    let end = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) if (full === "server" || entry.keyId === keyId) end = Math.min(end, entry.endsAt);
    const count = full === "key" ? `this key has ${this.#countOf(keyId)}` : `the server holds ${this.#entries.size}`;
    throw new AloudError(
      "rate_limit_exceeded",
      `${count} client secrets that have not expired, as many as it may; let them live shorter, or revoke some`,
      { retryAfterMs: Math.ceil(end - now) },
    );
  }
}
