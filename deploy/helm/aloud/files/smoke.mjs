/**
 * helm test: whether a gateway answers, is ready and lets nobody in without a key; with a key in ALOUD_KEY, whether it opens a session.
 *
 *   node smoke.mjs http://aloud:80
 *
 * Exit code 0: all of it. 1: the last line says what was expected and what came. Uses nothing but Node.
 */
import { randomBytes } from "node:crypto";
import { request } from "node:http";

const TIMEOUT_MS = 10_000;
const SESSION = "session.created";
const base = process.argv[2];
const key = process.env.ALOUD_KEY;

async function expectStatus(path, expected) {
  const { status } = await fetch(new URL(path, base), { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (status !== expected) throw new Error(`${path}: expected ${expected}, got ${status}`);
  console.log(`ok: ${path} answers ${expected}`);
}

/** Opens a WebSocket by hand: Node has a client of its own only from version 22 on. */
function openSession() {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": randomBytes(16).toString("base64"),
    "sec-websocket-protocol": "realtime",
    authorization: `Bearer ${key}`,
  };
  return new Promise((resolve, reject) => {
    const asked = request(new URL("/v1/realtime", base), { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    asked.on("error", reject);
    asked.on("response", ({ statusCode }) => reject(new Error(`/v1/realtime: expected 101, got ${statusCode}`)));
    asked.on("upgrade", (_response, socket, head) => {
      let text = head.toString("latin1");
      const look = () => {
        if (!text.includes(SESSION)) return;
        socket.destroy();
        resolve();
      };
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        look();
      });
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`/v1/realtime: closed before ${SESSION}`)));
      look();
    });
    asked.end();
  });
}

try {
  await expectStatus("/healthz", 200);
  await expectStatus("/readyz", 200);
  await expectStatus("/metrics", 401);
  if (key) {
    await openSession();
    console.log("ok: a session opens");
  } else console.log("skipped: no session, since there is no key (test.keySecret)");
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
}
