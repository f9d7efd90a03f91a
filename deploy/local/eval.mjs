/** `npm run eval -- CLIPS [--quick]`: prepares the clone, then runs nano's evaluation in tests/eval. */
import { prepare, root } from "./prepare.mjs";

prepare();
const { runnerImport } = await import("vite");
const { module } = await runnerImport(`${root}/tests/eval/main.ts`, { root, logLevel: "warn" });
await module.main();
