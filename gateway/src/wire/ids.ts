/** Ids as Realtime writes them: a prefix that says what they name, and 120 random bits. */
import { randomBytes } from "node:crypto";

export type IdPrefix = "sess" | "conv" | "item" | "resp" | "event" | "rs" | "call";

export function newId(prefix: IdPrefix): string {
  return `${prefix}_${randomBytes(15).toString("base64url")}`;
}
