/**
 * What keys (`ak_…`, long-lived) and client secrets (`ek_…`, minutes) look like: a prefix, an id that may be seen, and 192 random bits.
 * The id finds the entry, so that exactly one hash is compared, and it is what logs and metrics may name.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** `ek` is OpenAI's prefix: its SDKs allow browsers to use such keys only. */
export type SecretKind = "ak" | "ek";

const ID_BYTES = 6;
const SECRET_BYTES = 24;
const FORM = /^(ak|ek)_([0-9a-f]{12})_[\w-]{32}$/;

export interface NewSecret {
  readonly id: string;
  /** Shown once, kept by nobody but its owner. */
  readonly value: string;
  readonly hash: Buffer;
}

export function newSecret(kind: SecretKind): NewSecret {
  const id = randomBytes(ID_BYTES).toString("hex");
  const value = `${kind}_${id}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
  return { id, value, hash: hashOf(value) };
}

/** Undefined for anything that we cannot have made. */
export function parseSecret(value: string): { readonly kind: SecretKind; readonly id: string } | undefined {
  const [, kind, id] = FORM.exec(value) ?? [];
  return (kind === "ak" || kind === "ek") && id !== undefined ? { kind, id } : undefined;
}

/**
 * One round of SHA-256, on purpose: slow, salted hashes protect what people choose, and nobody can guess 192 random bits even at
 * billions of hashes a second. A slow hash would only let strangers buy our processor time with wrong keys.
 */
export function hashOf(value: string): Buffer {
  return createHash("sha256").update(value).digest();
}

/** In constant time. */
export function matches(value: string, hash: Buffer): boolean {
  return timingSafeEqual(hashOf(value), hash);
}
