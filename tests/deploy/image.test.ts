/**
 * Plays deploy/gateway.Dockerfile step by step in an empty folder, from what .dockerignore lets through, and starts what comes out: a file
 * that the image lacks is missed here, and so is a right that it would need. Base images and Docker's own doing are beyond it. It installs packages twice
 * (1 to 2 minutes), so it runs where ALOUD_TEST_IMAGE=1 asks for it.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const wanted = process.env.ALOUD_TEST_IMAGE === "1";
const work = mkdtempSync(join(tmpdir(), "aloud-image-"));
const servers: ChildProcess[] = [];
afterAll(() => {
  for (const server of servers) server.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true });
});

/** Docker's rule: the last pattern that matches a path or a folder above it decides. */
function isIgnored(path: string, patterns: readonly string[]): boolean {
  let ignored = false;
  for (const line of patterns) {
    const glob = line.replace(/^!/, "").replace(/[.+^$()|[\]\\]/g, "\\$&");
    const source = glob.replace(/\*\*\/|\*/g, (star) => (star === "*" ? "[^/]*" : "(.*/)?"));
    if (new RegExp(`^${source}(/|$)`).test(path)) ignored = !line.startsWith("!");
  }
  return ignored;
}

function makeContext(): string {
  const context = join(work, "context");
  const patterns = readFileSync(join(root, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" });
  for (const path of files.split("\0")) {
    if (path === "" || isIgnored(path, patterns) || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(context, path)), { recursive: true });
    cpSync(join(root, path), join(context, path));
  }
  return context;
}

/** Plays FROM, ENV, COPY and RUN; a stage's root is a folder of its own. @returns the last stage's root */
function play(context: string): string {
  const lines = readFileSync(join(root, "deploy/gateway.Dockerfile"), "utf8").replaceAll("\\\n", "").split("\n");
  let stage = "";
  let env: Record<string, string> = {};
  for (const line of lines) {
    const [step, ...words] = line.split(/\s+/);
    if (step === "FROM") {
      stage = join(work, words[2] ?? "image", "aloud");
      mkdirSync(stage, { recursive: true });
      env = {};
    } else if (step === "ENV") Object.assign(env, Object.fromEntries(words.map((word) => word.split("="))));
    else if (step === "RUN") {
      // Nothing is made outside the stage's own folder.
      const command = line.slice(4).replaceAll(" /etc/", ` ${dirname(stage)}/etc/`);
      execFileSync("sh", ["-c", command], { cwd: stage, env: { ...process.env, NODE_ENV: "", ...env }, stdio: "pipe" });
    } else if (step === "COPY") {
      const from = words[0]?.startsWith("--from=") ? join(work, words.shift()?.slice(7) ?? "") : context;
      const target = join(stage, words.pop() ?? "");
      for (const source of words) {
        const isInto = words.length > 1;
        cpSync(join(from, source), isInto ? join(target, source) : target, { recursive: true, verbatimSymlinks: true });
      }
    }
  }
  return dirname(stage);
}

const skipped = wanted ? "" : " (SKIPPED: set ALOUD_TEST_IMAGE=1)";
const canConfine = process.getuid?.() === 0 && spawnSync("unshare", ["-m", "setpriv", "true"]).status === 0;

/** The image's root as the last stage leaves it, once for all tests. */
let image: string;
beforeAll(() => {
  if (wanted) image = play(makeContext());
}, 600_000);

async function serving(
  program: string,
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ url: string; stop: () => Promise<number> }> {
  const started = spawn(program, args, { env: { PATH: process.env.PATH ?? "", NODE_ENV: "production", ...env } });
  servers.push(started);
  let said = "";
  started.stderr.on("data", (data) => (said += data));
  const url = await new Promise<string>((resolve, reject) => {
    started.stdout.on("data", (data) => resolve(/http:\S+/.exec(String(data))?.[0] ?? ""));
    started.on("close", () => reject(new Error(`the image's server ended: ${said}`)));
  });
  const ended = new Promise<number>((resolve) => started.once("exit", (code) => resolve(code ?? -1)));
  return {
    url,
    stop: () => {
      started.kill("SIGTERM");
      return ended;
    },
  };
}

function talk(url: string, key?: string): string {
  const args = [join(image, "aloud/gateway/bin/aloud.js"), "talk", "--url", url.replace("http", "ws"), "--text", "what is two plus three"];
  return execFileSync(process.execPath, args, { encoding: "utf8", env: { ...process.env, ...(key !== undefined && { ALOUD_KEY: key }) } });
}

test.skipIf(!wanted)(`the image serves the page and answers a typed turn${skipped}`, { timeout: 60_000 }, async () => {
  const program = join(image, "aloud/gateway/bin/aloud.js");
  expect(existsSync(join(image, "aloud/node_modules/typescript"))).toBe(false);
  const { url, stop } = await serving(process.execPath, [program, "serve", "--log", "silent"], { ALOUD_PORT: "0", ALOUD_KEYS: "" });
  expect(await (await fetch(url)).text()).toContain("<title>Aloud");
  expect(talk(url)).toContain("The answer is five.");
  expect(await stop()).toBe(0);
});

/**
 * What `read_only`, `cap_drop`, `no-new-privileges` and the volume of deploy/compose/laptop.yaml come to, made by hand: the image at /mnt/aloud and the keys'
 * folder at /mnt/keys of a mount namespace in which nothing else but /tmp is writable, and a user who may do nothing.
 */
function confined(keysAre: "rw" | "ro", ...words: readonly string[]): readonly string[] {
  const script = `
    mount --make-rprivate /
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/aloud /mnt/keys
    mount --bind "${image}/aloud" /mnt/aloud
    mount -o remount,bind,ro /mnt/aloud
    mount --bind "${image}/etc/aloud" /mnt/keys
    mount -o remount,bind,${keysAre} /mnt/keys
    mount -o remount,ro /mnt
    mount -t tmpfs -o size=64m,mode=1777 tmpfs /tmp
    mount -o remount,bind,ro /
    cd /mnt/aloud
    exec setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"`;
  return ["-m", "sh", "-euc", script, "sh", process.execPath, "gateway/bin/aloud.js", ...words];
}

const unable = wanted && !canConfine ? " (SKIPPED: needs root, unshare and setpriv)" : skipped;
test.skipIf(!wanted || !canConfine)(
  `the image makes its first key and serves with it, without rights and without a place to write${unable}`,
  { timeout: 60_000 },
  async () => {
    const env = { ALOUD_KEYS: "/mnt/keys/keys.json", ALOUD_HOST: "0.0.0.0", ALOUD_PORT: "0", HOME: "/nonexistent" };
    const makeKey = (...flags: readonly string[]) =>
      spawnSync("unshare", confined("rw", "key", "first", ...flags), { encoding: "utf8", env: { PATH: process.env.PATH, ...env } });
    const first = makeKey("--if-none");
    expect([first.status, first.stdout]).toEqual([0, expect.stringMatching(/^ak_\S+\n$/)]);
    expect([makeKey("--if-none").stdout, makeKey("--if-none").status]).toEqual(["", 0]);

    const { url, stop } = await serving("unshare", confined("ro", "serve", "--log", "silent"), env);
    expect(talk(url.replace("0.0.0.0", "127.0.0.1"), first.stdout.trim())).toContain("The answer is five.");
    expect(await stop()).toBe(0);

    const write = spawnSync("unshare", confined("ro", "key", "other"), { encoding: "utf8", env: { PATH: process.env.PATH, ...env } });
    expect([write.status === 0, write.stderr]).toEqual([false, expect.stringMatching(/EROFS|read-only/)]);
  },
);
