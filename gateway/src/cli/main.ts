/** `aloud`: finds the command and runs it. Commands load only when asked for, so that `--help` is instant. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AloudError } from "@aloud/client/protocol";
import { UsageError } from "./usage-error.ts";

const HELP = `aloud: a voice agent that thinks aloud

  aloud serve    listen for voice sessions and serve the page
  aloud talk     speak a recording, or text, and watch it being understood
  aloud plan     which large models run on which GPUs, and the command for it
  aloud key      make, list and revoke the keys that a server asks for
  aloud doctor   what this machine can run, and what is missing
  aloud bench    measure latency and speed on this machine

  aloud COMMAND --help says more; aloud --version prints the version.`;

type Command = (args: readonly string[]) => Promise<number>;

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  talk: async () => (await import("./talk.ts")).talk,
  key: async () => (await import("./key.ts")).key,
  plan: async () => (await import("./plan.ts")).plan,
  doctor: async () => (await import("./doctor.ts")).doctor,
  bench: async () => bench,
};

/** @returns the exit code: 0 success, 1 failure, 2 wrong usage */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(HELP);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    console.log(version());
    return 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    const near = nearest(name, Object.keys(COMMANDS));
    return complain(
      `there is no command "${name}"`,
      near === undefined ? "aloud --help lists the commands" : `did you mean aloud ${near}?`,
      2,
    );
  }
  try {
    return await (await load())(rest);
  } catch (error) {
    if (isParseArgsError(error)) return complain(error.message.split("\n")[0] ?? "", `aloud ${name} --help lists the options`, 2);
    if (error instanceof UsageError) return complain(error.message, error.hint, 1);
    if (error instanceof AloudError) return complain(error.message, undefined, 1);
    return complain(error instanceof Error ? error.message : String(error), undefined, 1);
  }
}

function complain(message: string, hint: string | undefined, code: number): number {
  console.error(`aloud: ${message}`);
  if (hint !== undefined) console.error(`       ${hint}`);
  return code;
}

function isParseArgsError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS");
}

function version(): string {
  const packageJson: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof packageJson === "object" && packageJson !== null && "version" in packageJson ? String(packageJson.version) : "unknown";
}

/** Benchmarks lie in the repository, not in the package. */
async function bench(args: readonly string[]): Promise<number> {
  const file = fileURLToPath(new URL("../../../tests/bench/main.mjs", import.meta.url));
  if (!existsSync(file)) throw new UsageError("the benchmarks are not in this installation", "clone the repository and run: npm run bench");
  process.argv.splice(2, process.argv.length, ...args);
  await import(new URL(`file://${file}`).href);
  return Number(process.exitCode ?? 0);
}

/** The known word that differs in the fewest letters, if it is a likely typing error. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, edits: editDistance(word.toLowerCase(), candidate) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && (best.edits <= 2 || best.candidate.startsWith(word)) ? best.candidate : undefined;
}

/** Levenshtein's distance, row by row. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
