/**
 * Plays deploy/gateway.Dockerfile step by step in an empty folder, from what .dockerignore lets through, and starts what comes out: a file
 * that the image lacks is missed here. Base images, users and the read-only root are beyond it. It installs packages twice (1 to 2 minutes), so it
 * runs where ALOUD_TEST_IMAGE=1 asks for it.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const wanted = process.env.ALOUD_TEST_IMAGE === "1";
const work = mkdtempSync(join(tmpdir(), "aloud-image-"));
let server: ChildProcess | undefined;
afterAll(() => {
  server?.kill("SIGKILL");
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

/** Plays FROM, ENV, COPY and RUN; a stage's root is a folder of its own. @returns the last stage's /aloud */
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
  return stage;
}

const skipped = wanted ? "" : " (SKIPPED: set ALOUD_TEST_IMAGE=1)";
test.skipIf(!wanted)(`the image serves the page and answers a typed turn${skipped}`, { timeout: 600_000 }, async () => {
  const image = play(makeContext());
  const program = join(image, "gateway/bin/aloud.js");
  expect(existsSync(join(image, "node_modules/typescript"))).toBe(false);
  const started = spawn(process.execPath, [program, "serve", "--log", "silent"], {
    env: { ...process.env, NODE_ENV: "production", ALOUD_PORT: "0", ALOUD_KEYS: "" },
  });
  server = started;
  const url = await new Promise<string>((resolve, reject) => {
    started.stdout.on("data", (data) => resolve(/http:\S+/.exec(String(data))?.[0] ?? ""));
    started.on("close", () => reject(new Error("the image's server ended")));
  });
  expect(await (await fetch(url)).text()).toContain("<title>Aloud");
  const talked = execFileSync(process.execPath, [program, "talk", "--url", url.replace("http", "ws"), "--text", "what is two plus three"], {
    encoding: "utf8",
  });
  expect(talked).toContain("The answer is five.");
  const ended = new Promise((resolve) => started.once("exit", resolve));
  started.kill("SIGTERM");
  expect(await ended).toBe(0);
});
