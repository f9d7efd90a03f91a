/** `POST /v1/realtime/client_secrets` as OpenAI has it, with our own part under `aloud`; and `DELETE` to take one back. */
import { AloudError, applySessionPatch, defaultSession, isRecord, type Parsed, schema, sessionPatch } from "@aloud/client/protocol";
import type { Access } from "../auth/access.ts";
import type { ClientSecretSetup } from "../auth/client-secrets.ts";
import { CLIENT_SECRET_SECONDS, CLIENT_SECRET_USES, MAX_CLIENT_SECRET_USES } from "../limits.ts";
import { checkSchemas } from "../turn/settings.ts";
import { newId } from "../wire/ids.ts";
import { sessionObject } from "../wire/session-object.ts";

const { min, max } = CLIENT_SECRET_SECONDS;

/** An origin exactly as browsers send it, since it is compared as text. */
const origin: schema.Parser<string> = (value, path) => {
  const text = schema.string(256)(value, path);
  if (URL.canParse(text) && new URL(text).origin === text && text !== "null") return text;
  throw new AloudError("invalid_value", `${path}: expected an origin like https://app.example, without path or slash at its end`, {
    param: path,
  });
};

const request = schema.object({
  expires_after: schema.optional(
    schema.object({
      anchor: schema.optional(schema.oneOf("created_at")),
      seconds: schema.optional(schema.number({ min, max, integer: true })),
    }),
  ),
  session: schema.optional(sessionPatch),
  aloud: schema.optional(
    schema.object({
      origin: schema.optional(origin),
      max_uses: schema.optional(schema.number({ min: 1, max: MAX_CLIENT_SECRET_USES, integer: true })),
    }),
  ),
});

/** @param body what came as JSON; undefined for nothing @throws AloudError naming the field */
export function parseClientSecretRequest(body: unknown): Omit<ClientSecretSetup, "keyId"> & { readonly extended: boolean } {
  if (body !== undefined && !isRecord(body)) throw new AloudError("invalid_type", "expected a JSON object");
  const { expires_after, session, aloud }: Parsed<typeof request> = request(body ?? {}, "");
  return {
    seconds: expires_after?.seconds ?? CLIENT_SECRET_SECONDS.default,
    maxUses: aloud?.max_uses ?? CLIENT_SECRET_USES,
    origin: aloud?.origin,
    session: session ?? {},
    extended: aloud !== undefined,
  };
}

/** @param model the server's, whatever was asked for @throws AloudError */
export function createClientSecret(access: Access, keyId: string | undefined, body: unknown, model: string): object {
  const { extended, ...setup } = parseClientSecretRequest(body);
  // Refused now rather than at every connection. What needs `aloud.v1` is checked again when it is known who connects.
  const settings = applySessionPatch(defaultSession(model), setup.session, "aloud");
  checkSchemas(setup.session.tools, "session.tools");
  const { value, secret } = access.secrets.create({ ...setup, keyId });
  return {
    value,
    expires_at: secret.expiresAt,
    session: sessionObject(newId("sess"), settings, 0),
    // Only for who asked in our words: others get OpenAI's answer and nothing besides.
    ...(extended && { aloud: { id: secret.id, origin: secret.origin ?? null, max_uses: secret.maxUses } }),
  };
}
