/** WebSocket subprotocols. What a connection offers decides its dialect (docs/protocol.md). */

/** OpenAI Realtime exactly: no extension is ever sent. */
export const REALTIME_SUBPROTOCOL = "realtime";
/** OpenAI Realtime with Aloud's extensions. */
export const ALOUD_SUBPROTOCOL = "aloud.v1";
/** What precedes a key or client secret that a browser, whose WebSocket can set no header, offers as a subprotocol. */
export const CREDENTIAL_SUBPROTOCOL_PREFIX = "openai-insecure-api-key.";

export type Dialect = "realtime" | "aloud";

/** What the server answers to an offer: the chosen subprotocol (never a key) and the dialect that follows from it. */
export function chooseSubprotocol(offered: Iterable<string>): { subprotocol: string | undefined; dialect: Dialect } {
  const offers = new Set(offered);
  if (offers.has(ALOUD_SUBPROTOCOL)) return { subprotocol: ALOUD_SUBPROTOCOL, dialect: "aloud" };
  return { subprotocol: offers.has(REALTIME_SUBPROTOCOL) ? REALTIME_SUBPROTOCOL : undefined, dialect: "realtime" };
}
