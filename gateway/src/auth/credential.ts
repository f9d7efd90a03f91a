/** Where a request carries its key: a header, or for browsers, whose WebSocket can set none, an offered subprotocol. Never the URL. */
import type { IncomingMessage } from "node:http";
import { AloudError, CREDENTIAL_SUBPROTOCOL_PREFIX } from "@aloud/client/protocol";
import { MAX_CREDENTIAL_LENGTH } from "../limits.ts";

export type Credential = { readonly form: "none" } | { readonly form: "header" | "subprotocol"; readonly value: string };

/** Names under which people put keys into URLs; values that look like ours are found under any name. */
const QUERY_NAMES = new Set(["access_token", "api-key", "api_key", "apikey", "authorization", "client_secret", "key", "token"]);

/** Offered subprotocols, in order. */
export function offersOf(request: IncomingMessage): readonly string[] {
  return (request.headers["sec-websocket-protocol"] ?? "").split(",").map((offer) => offer.trim());
}

/** The header wins over the subprotocol. @throws AloudError `invalid_api_key` for what can be no key of ours */
export function credentialOf(request: IncomingMessage): Credential {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const [, value] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    if (value === undefined) throw new AloudError("invalid_api_key", "expected the header Authorization: Bearer KEY");
    return credential("header", value);
  }
  const offer = offersOf(request).find((text) => text.startsWith(CREDENTIAL_SUBPROTOCOL_PREFIX));
  return offer === undefined ? { form: "none" } : credential("subprotocol", offer.slice(CREDENTIAL_SUBPROTOCOL_PREFIX.length));
}

function credential(form: "header" | "subprotocol", value: string): Credential {
  if (value.length > MAX_CREDENTIAL_LENGTH)
    throw new AloudError(
      "invalid_api_key",
      `a key of ${value.length} characters exceeds ${MAX_CREDENTIAL_LENGTH}; make one with: aloud key`,
    );
  return { form, value };
}

/** Whether the URL carries what looks like a key: it is in somebody's log by now. */
export function hasKeyInUrl(url: string | undefined): boolean {
  const at = url?.indexOf("?") ?? -1;
  if (url === undefined || at < 0) return false;
  for (const [name, value] of new URLSearchParams(url.slice(at)))
    if (QUERY_NAMES.has(name.toLowerCase()) || /^[ae]k_/.test(value)) return true;
  return false;
}
