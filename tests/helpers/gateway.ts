/** A gateway on a free port with a scripted engine, for one test file. */
import { openScriptedEngine, type ScriptedEngine, type ScriptedOptions } from "@aloud/engine/testing";
import { createLogger, type Gateway, type GatewayConfig, type GatewayOptions, openGateway, readConfig } from "../../gateway/src/index.ts";
import { WireClient } from "./client.ts";

export interface TestGateway {
  readonly gateway: Gateway;
  readonly engine: ScriptedEngine;
  /** Everything that was logged, at the level trace. */
  readonly log: string[];
  /** A client with Aloud's dialect. */
  aloud(): Promise<WireClient>;
  /** A client as any stock one. */
  plain(): Promise<WireClient>;
  close(): Promise<void>;
}

export async function startGateway(
  script: ScriptedOptions = {},
  config: Partial<GatewayConfig> = {},
  options: Partial<GatewayOptions> = {},
): Promise<TestGateway> {
  const engine = openScriptedEngine(script);
  const log: string[] = [];
  const logger = createLogger("trace", { write: (line: string) => void log.push(line) });
  const gateway = await openGateway({ config: readConfig({ port: 0, ...config }, {}), engine, logger, ...options });
  return {
    gateway,
    engine,
    log,
    aloud: () => WireClient.open(gateway.url, ["aloud.v1"]),
    plain: () => WireClient.open(gateway.url, ["realtime"]),
    async close() {
      await gateway.close("now");
      await engine.close();
    },
  };
}
