/** A gateway of one's own, for as long as one conversation lasts. */
import { connect } from "node:net";
import { openEmbeddedEngine } from "@aloud/engine/embedded";
import { readConfig } from "../../config.ts";
import { createLogger } from "../../log.ts";
import { openGateway } from "../../server.ts";

const CONNECT_TIMEOUT_MS = 1_000;

/** Whether anything accepts connections there. */
export function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const settle = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
    socket.once("timeout", () => settle(false));
  });
}

/** Starts gateway and embedded engine on a free port of this machine. Resolves when the model is loaded. */
export async function startPrivateGateway(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const engine = openEmbeddedEngine({ maxConversations: 2 });
  try {
    // A conversation is opened and closed again only because opening waits for the model, and says why it cannot be loaded.
    const [gateway] = await Promise.all([
      openGateway({ config: readConfig({ host: "127.0.0.1", port: 0 }), engine, logger: createLogger("error") }),
      engine.open({}).then((conversation) => conversation.close()),
    ]);
    return {
      port: gateway.port,
      async close() {
        await gateway.close("now");
        await engine.close();
      },
    };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
