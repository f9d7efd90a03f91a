/** The gateway as a library: `openGateway` and what it takes. The command line is in cli/. */
export { type Clock, systemClock } from "./clock.ts";
export { type GatewayConfig, type OriginRule, readConfig } from "./config.ts";
export { createLogger, type Logger } from "./log.ts";
export { type Gateway, type GatewayOptions, openGateway } from "./server.ts";
