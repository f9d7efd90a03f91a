/** A gateway with the embedded engine in this process, for the duration of one command. */

import { readConfig } from "../../config.ts";
import { createLogger } from "../../log.ts";

export interface LocalServer {
  readonly url: string;
  close(): Promise<void>;
}

export async function startLocalServer(): Promise<LocalServer> {
  // Loaded only here: a client of a running server needs neither.
  const [{ openGateway }, { openEmbeddedEngine }] = await Promise.all([import("../../server.ts"), import("@aloud/engine/embedded")]);
  const config = readConfig({ host: "127.0.0.1", port: 0, origins: ["none"], keysFile: undefined, logLevel: "silent" });
  const engine = openEmbeddedEngine({ maxConversations: 1 });
  try {
    const gateway = await openGateway({ config, engine, logger: createLogger("silent") });
    const close = async () => {
      await gateway.close("now");
      await engine.close();
    };
    return { url: `${gateway.url.replace(/^http/, "ws")}/v1/realtime`, close };
  } catch (error) {
    await engine.close();
    throw error;
  }
}
