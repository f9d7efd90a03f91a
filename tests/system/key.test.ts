/** `aloud key` as an operator runs it, and `aloud talk` with what it prints, against a server that asks for it. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseKeys } from "../../gateway/src/auth/keys-file.ts";
import { matches } from "../../gateway/src/auth/secret.ts";
import { startGateway } from "../helpers/gateway.ts";

const program = fileURLToPath(new URL("../../gateway/bin/aloud.js", import.meta.url));

describe("aloud key", { timeout: 60_000 }, () => {
  let directory: string;
  let file: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "aloud-key-"));
    file = join(directory, "made", "keys.json");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function aloud(args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number | null; out: string; err: string }> {
    const child = spawn(process.execPath, [program, ...args], {
      env: { ...process.env, NO_COLOR: "1", ALOUD_KEYS: file, ALOUD_KEY: "", ...env },
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
  }
  const keysNow = () => parseKeys(readFileSync(file, "utf8"));

  test("prints the key alone, keeps its hash alone, and says how to start a server with it", async () => {
    const { code, out, err } = await aloud(["key", "laptop", "--sessions", "2", "--minutes-per-day", "60"]);
    expect([code, out]).toEqual([0, expect.stringMatching(/^ak_[0-9a-f]{12}_[\w-]{32}\n$/)]);
    expect(err).toContain(`ALOUD_KEYS=${file} npx aloud serve --host 0.0.0.0`);
    expect(err).not.toContain(out.trim());
    const [made] = keysNow();
    expect(made).toMatchObject({ name: "laptop", sessions: 2, minutesPerDay: 60 });
    expect(matches(out.trim(), made?.hash ?? Buffer.alloc(32))).toBe(true);
    expect(readFileSync(file, "utf8")).not.toContain(out.slice(16, 40));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(directory, "made"))).toEqual(["keys.json"]);
  });

  test("lists and revokes, by name or id, and gives names to those without", async () => {
    for (let n = 0; n < 3; n++) await aloud(["key"]);
    expect(keysNow().map(({ name }) => name)).toEqual(["key-1", "key-2", "key-3"]);
    expect((await aloud(["key", "list"])).out).toMatch(
      /^name +id +created +sessions +minutes a day\nkey-1 +[0-9a-f]{12} +\d{4}-\d\d-\d\d +any +any\n/,
    );
    expect((await aloud(["key", "revoke", "key-2"])).code).toBe(0);
    expect((await aloud(["key", "revoke", keysNow()[0]?.id ?? ""])).code).toBe(0);
    expect(JSON.parse((await aloud(["key", "list", "--json"])).out)).toMatchObject([{ name: "key-3", sessions: null }]);
    expect(await aloud(["key", "revoke", "key-2"])).toMatchObject({ code: 1, err: expect.stringContaining('there is no key "key-2"') });
  });

  test("--if-none makes the first key and no other, so that every start of a container may ask for it", async () => {
    expect((await aloud(["key", "first", "--if-none"])).out).toMatch(/^ak_/);
    const before = readFileSync(file, "utf8");
    expect(await aloud(["key", "first", "--if-none"])).toEqual({ code: 0, out: "", err: `${file} holds a key already; none was made.\n` });
    expect(readFileSync(file, "utf8")).toBe(before);
    expect((await aloud(["key", "list", "--if-none"])).err).toContain("takes no name and no limits");
  });

  test.each([
    [["my laptop"], "is no name for a key"],
    [["a", "b"], "expected one name, got 2"],
    [["a", "--sessions", "many"], '--sessions: expected a whole number from 0 to 100000, got "many"'],
    [["revoke"], "expected the name of one key to revoke"],
    [["list", "a"], "takes no name"],
    [["a", "--minutes", "5"], "--minutes"],
  ])("refuses %j and writes nothing", async (args, complaint) => {
    const { code, out, err } = await aloud(["key", ...args]);
    expect(code).toBeGreaterThan(0);
    expect(out).toBe("");
    expect(err).toContain(complaint);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("leaves alone what it did not write: a name that is taken, a damaged file, another one's work, a link", async () => {
    await aloud(["key", "laptop"]);
    const before = readFileSync(file, "utf8");
    expect((await aloud(["key", "laptop"])).err).toContain('there is a key "laptop" already');
    writeFileSync(`${file}.new`, "");
    expect((await aloud(["key", "phone"])).err).toContain("another aloud key is at work");
    rmSync(`${file}.new`);
    expect(readFileSync(file, "utf8")).toBe(before);
    const link = join(directory, "link.json");
    symlinkSync(file, link);
    expect((await aloud(["key", "phone", "--file", link])).code).toBe(0);
    expect(keysNow().map(({ name }) => name)).toEqual(["laptop", "phone"]);
    writeFileSync(file, "{");
    expect(await aloud(["key", "tablet"])).toMatchObject({ code: 1, out: "", err: expect.stringContaining("this is not JSON") });
    expect(readFileSync(file, "utf8")).toBe("{");
    expect(readdirSync(join(directory, "made"))).toEqual(["keys.json"]);
  });

  test("makes what aloud talk gets in with", async () => {
    const key = (await aloud(["key", "laptop"])).out.trim();
    const host = await startGateway({ answer: () => [{ channel: "answer", text: "Yes." }] }, { keysFile: file });
    try {
      const talk = ["talk", "--url", host.gateway.url, "--text", "hi"];
      expect(await aloud(talk, { ALOUD_KEY: key })).toMatchObject({ code: 0, out: expect.stringContaining("Yes.") });
      expect((await aloud([...talk, "--key", key])).code).toBe(0);
      expect(await aloud(talk)).toMatchObject({ code: 1, err: expect.stringMatching(/asks for a key\n +give it with ALOUD_KEY/) });
      const wrong = await aloud(talk, { ALOUD_KEY: `${key.slice(0, -2)}xx` });
      expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("this key is unknown or was revoked") });
      expect(wrong.err).not.toContain(key.slice(16, 40));
    } finally {
      await host.close();
    }
  });
});
