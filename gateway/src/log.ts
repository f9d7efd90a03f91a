/**
 * The log: one line per lifecycle transition, never audio, text or keys. Callers pass ids, counts and codes only;
 * the redaction here is the second lock on that door.
 */
import { type DestinationStream, type Logger, pino } from "pino";

const SECRETS = [
  "authorization",
  "cookie",
  "sec-websocket-protocol",
  "x-api-key",
  "token",
  "text",
  "audio",
  "transcript",
  "instructions",
  "delta",
];

export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    redact: {
      paths: SECRETS.flatMap((key) => {
        const name = key.includes("-") ? `["${key}"]` : key;
        const dot = key.includes("-") ? "" : ".";
        return [name, `*${dot}${name}`, `*.*${dot}${name}`];
      }),
      censor: "[redacted]",
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

export type { Logger };
