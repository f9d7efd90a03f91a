/** `npm start`: prepares the clone, then runs `aloud serve` in this process with the arguments given after `--`. */
import { prepare, root } from "./prepare.mjs";

prepare();
process.argv.splice(2, 0, "serve");
await import(new URL("gateway/bin/aloud.js", `file://${root}`).href);
