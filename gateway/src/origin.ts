/**
 * Which pages may open a socket: cross-site WebSocket hijacking ends here. Exact matches only (OWASP, ASVS 4.4.2).
 * An Origin can only be trusted to be honest in a browser, which is the one client that needs to be stopped.
 */
import { isLoopback, type OriginRule } from "./config.ts";

export interface Handshake {
  readonly origin: string | undefined;
  readonly host: string | undefined;
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, "");
}

/** @param guarded whether whoever connects needs a key as well */
export function isOriginAllowed({ origin, host }: Handshake, rules: readonly OriginRule[], guarded = false): boolean {
  if (origin === undefined) return rules.includes("none");
  if (origin !== "same" && origin !== "none" && rules.includes(origin)) return true;
  if (!rules.includes("same") || host === undefined) return false;
  // Loopback names only: a page of evil.example whose name was rebound to 127.0.0.1 has Origin and Host alike, too. It has no key, though.
  return (guarded || isLoopback(hostName(host))) && (origin === `http://${host}` || origin === `https://${host}`);
}
