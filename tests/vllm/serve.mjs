/**
 * `node tests/vllm/serve.mjs [COUNT] [-- FLAGS of vllm serve]`: real vLLM servers with the tiny model on this machine's CPU, until Ctrl-C. To try
 * `aloud serve --engine vllm --url …` and `npm run bench -- vllm --url …` without a GPU.
 */
import { parseArgs } from "node:util";
import { install, startServers } from "./servers.mjs";

const dashes = process.argv.indexOf("--");
const { positionals } = parseArgs({ args: process.argv.slice(2, dashes < 0 ? undefined : dashes), allowPositionals: true });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(0));
const { urls } = await startServers({
  ...install(),
  count: Number(positionals[0] ?? 1),
  flags: dashes < 0 ? [] : process.argv.slice(dashes + 1),
});
console.log(urls.map((url) => `--url ${url}`).join(" "));
// The servers are children: without them there would be nothing to wait for.
setInterval(() => {}, 1 << 30);
