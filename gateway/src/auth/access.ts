/**
 * Who may do what: keys, client secrets and quotas as one thing for the doors (upgrade.ts, http/) to ask. It knows which sessions
 * run under which key, so that revoking one, or using its minutes up, ends them.
 */
import type { IncomingMessage } from "node:http";
import { AloudError } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { type ClientSecret, ClientSecrets } from "./client-secrets.ts";
import { type Credential, credentialOf, hasKeyInUrl } from "./credential.ts";
import { type Keyring, openKeyring } from "./keyring.ts";
import type { ApiKey } from "./keys-file.ts";
import { type KeyUsage, Quotas } from "./quota.ts";
import { matches, parseSecret } from "./secret.ts";
import { WrongKeys } from "./wrong-keys.ts";

export interface Principal {
  /** Undefined on a server without keys. */
  readonly key: ApiKey | undefined;
  /** What it came with, where that was a client secret. */
  readonly secret: ClientSecret | undefined;
}

export interface Access {
  /** Whether this server has keys. Without, everybody is let in. */
  readonly guarded: boolean;
  readonly secrets: ClientSecrets;
  keys(): Iterable<ApiKey>;
  keyCount(): number;
  usage(keyId: string): KeyUsage;
  /** @throws AloudError `invalid_api_key`; `rate_limit_exceeded` after too many wrong ones */
  identify(request: IncomingMessage): Principal;
  /**
   * Counts a session in, and a use of the client secret.
   * @param end ends it, idempotently: the key was revoked, or has no minutes left
   * @returns counts it out; idempotent
   * @throws AloudError `rate_limit_exceeded`, `insufficient_quota`
   */
  admit(principal: Principal, end: (error: AloudError) => void): () => void;
  /** Ends the client secret and the sessions that it opened. @throws AloudError `client_secret_not_found` */
  revokeSecret(id: string, by: Principal): void;
  close(): void;
}

export interface AccessOptions {
  readonly keysFile: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws AloudError `keys_invalid` */
export async function openAccess({ keysFile, clock, logger }: AccessOptions): Promise<Access> {
  const keyring: Keyring | undefined = keysFile === undefined ? undefined : await openKeyring({ path: keysFile, clock, logger });
  const secrets = new ClientSecrets(clock);
  const quotas = new Quotas(clock, (id) => keyring?.find(id));
  const wrongKeys = new WrongKeys(clock);
  const live = new Set<{ readonly principal: Principal; readonly end: (error: AloudError) => void }>();

  const endThose = (of: (principal: Principal) => boolean, message: string) => {
    for (const { principal, end } of [...live]) if (of(principal)) end(new AloudError("invalid_api_key", message));
  };
  keyring?.onRevoked((ids) => {
    for (const id of ids) {
      secrets.revokeOf(id);
      quotas.forget(id);
      endThose(({ key }) => key?.id === id, "the key of this session was revoked; connect with another one");
    }
  });

  return {
    guarded: keyring !== undefined,
    secrets,
    keys: () => keyring?.all() ?? [],
    keyCount: () => keyring?.size() ?? 0,
    usage: (id) => quotas.usage(id),
    identify(request) {
      try {
        return keyring === undefined ? welcome(request, secrets) : identified(request, keyring, secrets);
      } catch (error) {
        throw wrongKeys.count(request.socket.remoteAddress ?? "", AloudError.from(error));
      }
    },
    admit(principal, end) {
      const session = { principal, end };
      const countOut = principal.key === undefined ? () => {} : quotas.admit(principal.key, end);
      if (principal.secret !== undefined) secrets.use(principal.secret.id);
      live.add(session);
      return () => {
        live.delete(session);
        countOut();
      };
    },
    revokeSecret(id, by) {
      secrets.revoke(id, by.key?.id);
      endThose(({ secret }) => secret?.id === id, "the client secret of this session was revoked; connect with another one");
    },
    close() {
      keyring?.close();
      quotas.close();
    },
  };
}

/** A server without keys asks for none; stock clients send one all the same. A client secret still means its settings, or it is wrong. */
function welcome(request: IncomingMessage, secrets: ClientSecrets): Principal {
  const offered = tolerant(request);
  const secret = offered.form !== "none" && parseSecret(offered.value)?.kind === "ek" ? secrets.find(offered.value) : undefined;
  return { key: undefined, secret };
}

function tolerant(request: IncomingMessage): Credential {
  try {
    return credentialOf(request);
  } catch {
    return { form: "none" };
  }
}

function identified(request: IncomingMessage, keyring: Keyring, secrets: ClientSecrets): Principal {
  if (hasKeyInUrl(request.url))
    throw new AloudError(
      "invalid_api_key",
      "a key in the URL ends up in logs: revoke it, and send the next one as Authorization: Bearer KEY or as the subprotocol openai-insecure-api-key.KEY",
    );
  const credential = credentialOf(request);
  if (credential.form === "none")
    throw new AloudError(
      "invalid_api_key",
      "this server needs a key: send Authorization: Bearer KEY, or in browsers offer the subprotocol openai-insecure-api-key.SECRET",
    );
  const { value } = credential;
  const { kind, id } = parseSecret(value) ?? {};
  if (kind === "ek") {
    const secret = secrets.find(value);
    const key = secret.keyId === undefined ? undefined : keyring.find(secret.keyId);
    if (key !== undefined) return { key, secret };
  }
  const key = kind === "ak" && id !== undefined ? keyring.find(id) : undefined;
  if (key === undefined || !matches(value, key.hash))
    throw new AloudError("invalid_api_key", "this key is unknown or was revoked; make one with: aloud key");
  return { key, secret: undefined };
}
