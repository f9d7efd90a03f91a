/** One child process that holds a model: starts it, exchanges messages with it, and sees that it ends. */
import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { env } from "node:process";
import { NO_TELEMETRY } from "../telemetry.ts";
import type { FromChild, ToChild } from "./port.ts";

/** How long a child may take to end by itself. */
const EXIT_DEADLINE_MS = 3_000;

export interface ChildHandlers {
  onMessage(message: FromChild): void;
  /** Called exactly once, when the process is gone. */
  onExit(reason: string): void;
}

export interface EngineChild {
  readonly processId: number | undefined;
  send(message: ToChild): void;
  /** Ends the process at once. `onExit` follows. */
  kill(): void;
  /** Asks the process to end, and ends it after a deadline. Resolves when it is gone. */
  stop(): Promise<void>;
}

export type StartChild = (handlers: ChildHandlers) => EngineChild;

/** The compiled entry, also when this file runs from source. */
const entry = createRequire(import.meta.url).resolve("@aloud/engine/embedded/child");

export const startEngineChild: StartChild = ({ onMessage, onExit }) => {
  // Structured clone ("advanced") carries Float32Array as bytes; JSON would not.
  const process = fork(entry, { serialization: "advanced", execArgv: [], env: { ...env, ...NO_TELEMETRY } });
  const gone = whenGone(process).then((reason) => onExit(reason));
  process.on("message", (message: FromChild) => onMessage(message));
  return {
    processId: process.pid,
    send(message) {
      // A child that is gone is reported by `onExit`; what was sent to it is lost either way.
      if (process.connected) process.send(message, () => {});
    },
    kill: () => void process.kill("SIGKILL"),
    async stop() {
      if (process.connected) process.send({ type: "exit" } satisfies ToChild, () => {});
      const deadline = setTimeout(() => process.kill("SIGKILL"), EXIT_DEADLINE_MS);
      await gone;
      clearTimeout(deadline);
    },
  };
};

function whenGone(process: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    process.once("exit", (code, signal) => resolve(signal ?? `exit code ${code}`));
    // Also told when a signal cannot be delivered; then the process is still there or its exit follows.
    process.on("error", (error) => process.pid === undefined && resolve(error.message));
  });
}
