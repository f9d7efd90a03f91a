import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../tests/helpers/virtual-clock.ts";
import { MAX_CLIENT_SECRET_CHARACTERS, MAX_CLIENT_SECRETS, MAX_CLIENT_SECRETS_PER_KEY } from "../limits.ts";
import { type ClientSecretSetup, ClientSecrets } from "./client-secrets.ts";
import { newSecret } from "./secret.ts";

const setup: ClientSecretSetup = { keyId: "a", seconds: 600, maxUses: 2, origin: undefined, session: {} };

function setUp() {
  const clock = new VirtualClock();
  const secrets = new ClientSecrets(clock);
  return { clock, secrets, create: (changes: Partial<ClientSecretSetup> = {}) => secrets.create({ ...setup, ...changes }) };
}

describe("a client secret", () => {
  test("is good for its time and not a moment longer", () => {
    const { clock, secrets, create } = setUp();
    const { value, secret } = create({ seconds: 10 });
    expect(value).toMatch(/^ek_/);
    expect(secret.expiresAt * 1_000).toBe(clock.unixMs() + 10_000);
    clock.advance(9_999);
    expect(secrets.find(value).id).toBe(secret.id);
    clock.advance(1);
    expect(() => secrets.find(value)).toThrow("expired after its 10 s; ask for a new one: POST /v1/realtime/client_secrets");
    expect(() => secrets.find(value)).toThrow("unknown, expired or revoked");
  });

  test("opens as many connections as it was made for", () => {
    const { secrets, create } = setUp();
    const { value, secret } = create();
    secrets.use(secret.id);
    secrets.use(secrets.find(value).id);
    expect(() => secrets.find(value)).toThrow("opened the 2 connection(s) it was made for");
  });

  test("is not another one with the same id", () => {
    const { secrets, create } = setUp();
    const { secret } = create();
    const forged = newSecret("ek").value.replace(/^ek_\w{12}/, `ek_${secret.id}`);
    expect(() => secrets.find(forged)).toThrow(expect.objectContaining({ code: "invalid_api_key" }));
  });

  test("is revoked by the key that made it, and by no other", () => {
    const { secrets, create } = setUp();
    const { value, secret } = create();
    expect(() => secrets.revoke(secret.id, "b")).toThrow(expect.objectContaining({ code: "client_secret_not_found" }));
    expect(() => secrets.revoke(secret.id, undefined)).toThrow("no client secret with this id");
    secrets.revoke(secret.id, "a");
    expect(() => secrets.find(value)).toThrow("revoked");
    expect(() => secrets.revoke(secret.id, "a")).toThrow("no client secret with this id");
  });

  test("goes with its key", () => {
    const { secrets, create } = setUp();
    const mine = create();
    const other = create({ keyId: "b" });
    secrets.revokeOf("a");
    expect(() => secrets.find(mine.value)).toThrow("revoked");
    expect(secrets.find(other.value)).toBe(other.secret);
  });
});

describe("the store is bounded", () => {
  test("for each key, until the first of its secrets expires", () => {
    const { clock, secrets, create } = setUp();
    create({ seconds: 20 });
    for (let n = 1; n < MAX_CLIENT_SECRETS_PER_KEY; n++) create();
    clock.advance(5_000);
    expect(() => create()).toThrow(expect.objectContaining({ code: "rate_limit_exceeded", retryAfterMs: 15_000 }));
    create({ keyId: "b" });
    clock.advance(15_000);
    create();
    expect(secrets.size()).toBe(MAX_CLIENT_SECRETS_PER_KEY + 1);
  });

  test("for all keys together, in number", () => {
    const { secrets, create } = setUp();
    for (let n = 0; n < MAX_CLIENT_SECRETS; n++) create({ keyId: String(n % 20) });
    expect(() => create({ keyId: "new" })).toThrow(`the server holds ${MAX_CLIENT_SECRETS} client secrets`);
    expect(secrets.size()).toBe(MAX_CLIENT_SECRETS);
  });

  test("for all keys together, in size", () => {
    const { create } = setUp();
    const instructions = "x".repeat(16_000);
    const fit = Math.floor(MAX_CLIENT_SECRET_CHARACTERS / JSON.stringify({ instructions }).length);
    for (let n = 0; n < fit; n++) create({ keyId: String(n % 5), session: { instructions } });
    expect(() => create({ session: { instructions } })).toThrow("as many as it may");
    create();
  });
});
