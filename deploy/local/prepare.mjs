/**
 * Makes a clone runnable: installs packages and builds, each only when something changed. Uses nothing but Node, because
 * nothing is installed yet. Says in one line what it does and why it takes a moment; says nothing when there is nothing to do.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const cache = join(root, "node_modules", ".cache", "aloud");
const MIN_NODE = [20, 19];

/** Installs and builds where needed; ends the process with a clear message when it cannot. */
export function prepare() {
  checkNode();
  install();
  build();
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return;
  fail(`Aloud needs Node ${MIN_NODE.join(".")} or newer; this is ${process.versions.node}.`);
}

function install() {
  const lock = readFileSync(join(root, "package-lock.json"));
  const fingerprint = createHash("sha256").update(lock).digest("hex");
  const stamp = join(cache, "installed");
  if (read(stamp) === fingerprint) return;
  console.log("aloud: installing packages (once, about half a minute) …");
  // onnxruntime-node's install script would download GPU libraries; `allowScripts` in package.json stops it from npm 11 on, this variable on older npm.
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { ONNXRUNTIME_NODE_INSTALL: "skip" });
  write(stamp, fingerprint);
}

function build() {
  const stamp = join(cache, "built");
  const inputs = ["package-lock.json", "tsconfig.json", "client-sdk", "engine", "gateway", "demo"];
  if (read(stamp) === fingerprintOf(inputs)) return;
  console.log("aloud: building …");
  run("npm", ["run", "build", "--silent"]);
  // Taken again, because the presence of the build's outputs is part of it: deleting one of them builds anew.
  write(stamp, fingerprintOf(inputs));
}

/** A hash over the names, sizes and times of all build inputs below the given paths. */
function fingerprintOf(paths) {
  const hash = createHash("sha256").update(process.version);
  const skipped = new Set(["node_modules", "dist", "models", "training"]);
  const visit = (path) => {
    const info = statSync(path);
    if (info.isDirectory()) {
      for (const name of readdirSync(path).sort()) if (!skipped.has(name)) visit(join(path, name));
    } else if (!path.endsWith(".tsbuildinfo")) hash.update(`${relative(root, path)}:${info.size}:${info.mtimeMs}\n`);
  };
  for (const path of paths) visit(join(root, path));
  for (const built of ["client-sdk/dist", "engine/dist", "gateway/dist", "demo/dist"])
    hash.update(`${built}:${existsSync(join(root, built))}\n`);
  return hash.digest("hex");
}

/** Runs a program in the root quietly; its output is shown only when it fails. */
export function run(program, args, env = {}) {
  const windows = process.platform === "win32";
  const result = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    shell: windows,
    maxBuffer: 1 << 26,
  });
  if (result.status === 0) return;
  console.error(result.stdout ?? "", result.stderr ?? "", result.error?.message ?? "");
  fail(`\`${program} ${args.join(" ")}\` failed (see above).`);
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function fail(message) {
  console.error(`aloud: ${message}`);
  process.exit(1);
}
