/**
 * Keeps tenants apart in a server's prefix cache. Who knows a prompt could otherwise find out by its speed whether somebody else has said it.
 * A tenant's salt is an HMAC of its id: conversations that are opened anew and all replicas have the same, and it tells nobody who it is.
 */
import { createHmac, randomBytes } from "node:crypto";
import { AloudError } from "@aloud/client/protocol";

/** @returns what goes out as `cache_salt`, never empty; undefined where there is nobody to be kept apart from */
export type SaltOf = (tenant: string | undefined) => string | undefined;

/**
 * @param secret engines with the same one share what their tenants have in the cache. Absent: a random one for this engine, and conversations
 *   without a tenant get no salt
 * @throws AloudError `invalid_value` for an empty secret
 */
export function createSalts(secret: string | undefined): SaltOf {
  if (secret === "") throw new AloudError("invalid_value", "cacheSalt: expected a secret, got an empty text", { param: "cacheSalt" });
  const key = secret ?? randomBytes(32);
  const saltFor = (whom: string) => createHmac("sha256", key).update(whom).digest("base64url");
  return (tenant) => {
    if (tenant !== undefined) return saltFor(`tenant ${tenant}`);
    return secret === undefined ? undefined : saltFor("everyone");
  };
}
