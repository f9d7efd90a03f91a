/**
 * `npm test`: prepares the clone, then checks format, lint, import directions, types, the training code and every test that
 * runs without a GPU. With arguments (`npm test -- gateway/src/turn`) only the matching tests run.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { prepare, root, run } from "./prepare.mjs";

const filters = process.argv.slice(2);
prepare();
if (filters.length === 0) {
  console.log("aloud: checking format, lint and import directions …");
  run("npx", ["biome", "check", "--error-on-warnings", "."]);
  console.log("aloud: checking types of the tests …");
  run("npx", ["tsc", "-b", "tests"]);
  checkTraining();
}
const vitest = spawnSync("npx", ["vitest", "run", "--config", "tests/vitest.config.ts", ...filters], {
  cwd: root,
  stdio: "inherit",
  shell: process.platform === "win32",
});
process.exit(vitest.status ?? 1);

/** The training code has its own tools; they are used where somebody has installed them (engine/training/README.md). */
function checkTraining() {
  const python = join(root, "engine", "training", ".venv", "bin", "python");
  if (!existsSync(python)) {
    console.log("aloud: skipping the checks of engine/training: no engine/training/.venv (its README says how to make one)");
    return;
  }
  console.log("aloud: checking engine/training …");
  run(python, ["-m", "ruff", "check", "engine/training"]);
  run(python, ["-m", "ruff", "format", "--check", "engine/training"]);
  run(python, ["-m", "pytest", "-q", "engine/training"]);
}
