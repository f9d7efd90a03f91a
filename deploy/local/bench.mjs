/** `npm run bench [-- NAME] [--json FILE]`: prepares the clone, then runs the benchmarks in tests/bench. */
import { prepare, root } from "./prepare.mjs";

prepare();
await import(new URL("tests/bench/main.mjs", `file://${root}`).href);
