/**
 * `npm run test:clients`: prepares the clone, installs the stock Realtime clients that are pinned in tests/clients (about 900 MB, which
 * nothing else needs), and holds scenes with them. With `-u` the recorded sequences of events are written anew.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";

const clients = join(root, "tests", "clients");
const venv = join(clients, ".venv");
const python = join(venv, "bin", "python");
const OLDEST_PYTHON = "3.11";

prepare();
const startedAt = performance.now();
const installed = await Promise.all([installJavaScript(), installPython()]);
if (installed.includes("now")) console.log(`aloud: the clients are installed (${Math.round((performance.now() - startedAt) / 1_000)} s)`);
const vitest = spawnSync("npx", ["vitest", "run", "--config", "tests/clients/vitest.config.ts", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
process.exit(vitest.status ?? 1);

function installJavaScript() {
  return once("package-lock.json", join(clients, "node_modules"), async () => {
    console.log("aloud: installing the clients in JavaScript (once, about a minute) …");
    // No install step of theirs is needed, and none may fetch anything.
    await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], "npm's registry has to be reachable");
  });
}

function installPython() {
  return once("requirements.txt", venv, async () => {
    console.log("aloud: installing the clients in Python (once, about a minute) …");
    const needs = `Python ${OLDEST_PYTHON} or newer with its venv module is needed (Debian: apt-get install python3-venv)`;
    await run("python3", ["-c", `import sys, venv; sys.exit(sys.version_info < (${OLDEST_PYTHON.replace(".", ", ")}))`], needs);
    rmSync(venv, { recursive: true, force: true });
    await run("python3", ["-m", "venv", venv], needs);
    await run(
      python,
      ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
      "PyPI has to be reachable",
    );
  });
}

/** Installs unless that was done from this very list. @returns "now" or "before" */
async function once(list, directory, install) {
  const stamp = join(directory, ".aloud-installed");
  const fingerprint = createHash("sha256")
    .update(readFileSync(join(clients, list)))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === fingerprint) return "before";
  await install();
  mkdirSync(directory, { recursive: true });
  writeFileSync(stamp, fingerprint);
  return "now";
}

/** Runs a program in tests/clients quietly; when it fails, shows what it said, and what it needs. */
async function run(program, args, needs) {
  const child = spawn(program, args, { cwd: clients, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => {
      said = `${said}${text}`.slice(-20_000);
    });
  }
  const status = await new Promise((resolve) => {
    child.on("error", (error) => {
      said += error.message;
      resolve(undefined);
    });
    child.on("close", resolve);
  });
  if (status === 0) return;
  console.error(said);
  console.error(`aloud: \`${program} ${args.join(" ")}\` failed in tests/clients (see above); ${needs}.`);
  process.exit(1);
}
