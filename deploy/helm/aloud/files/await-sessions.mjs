/**
 * preStop of a gateway: returns when nobody is connected any more, or after LONGEST seconds. Then Kubernetes sends SIGTERM.
 *
 *   node await-sessions.mjs PORT LONGEST SHORTEST
 *
 * Connections are counted in the kernel's table, which needs no key: a session is a connection, and what else there is (a proxy's idle one, a
 * probe) closes by itself. It waits SHORTEST seconds in any case, because balancers learn late that a pod is going.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 1_000;
/** In /proc/net/tcp. */
const ESTABLISHED = "01";

const [port, longest, shortest] = process.argv.slice(2).map(Number);
if (!(port > 0) || !(longest >= 0) || !(shortest >= 0)) throw new Error("usage: node await-sessions.mjs PORT LONGEST SHORTEST");

function connections() {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let count = 0;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of read(table).split("\n").slice(1)) {
      const [, local = "", , state] = line.trim().split(/\s+/);
      if (state === ESTABLISHED && local.endsWith(suffix)) count += 1;
    }
  }
  return count;
}

/** Without IPv6 there is no second table. */
function read(table) {
  try {
    return readFileSync(table, "utf8");
  } catch {
    return "";
  }
}

const begun = performance.now();
const elapsed = () => (performance.now() - begun) / 1_000;
let left = connections();
while (elapsed() < longest && (left > 0 || elapsed() < shortest)) {
  await sleep(POLL_MS);
  left = connections();
}
console.log(left === 0 ? "nobody is connected" : `${left} connection(s) left after ${longest} s`);
