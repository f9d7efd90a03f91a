/** What the gateway's process and the engine's child process say to each other. Types only. */
import type { ErrorCode } from "@aloud/client/protocol";
import type { AudioChunk, ConversationSetup, GenerateEvent, GenerateRequest, HistoryItem, Prefilled } from "../engine.ts";

/** Chosen by the host; unique for the life of the child. */
export type ConversationId = number;
export type CallId = number;

export type ToChild =
  | {
      readonly type: "load";
      /** `cpu`, `cpu:1`, `cuda:0`, … */
      readonly device: string;
      readonly modelDir: string;
      readonly maxConversations: number;
      readonly contextTokens: number;
    }
  | { readonly type: "open"; readonly conversation: ConversationId; readonly call: CallId; readonly setup: ConversationSetup }
  | { readonly type: "append"; readonly conversation: ConversationId; readonly call: CallId; readonly item: AudioChunk | HistoryItem }
  | { readonly type: "checkpoint" | "rollback"; readonly conversation: ConversationId; readonly checkpoint: number }
  | { readonly type: "generate"; readonly conversation: ConversationId; readonly call: CallId; readonly request: GenerateRequest }
  | { readonly type: "abort"; readonly call: CallId }
  | { readonly type: "close"; readonly conversation: ConversationId }
  | { readonly type: "ping" }
  | { readonly type: "exit" };

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
}

export type FromChild =
  | { readonly type: "loading"; readonly progress: number; readonly message: string }
  /** `note`: what whoever runs the engine should know of the device, such as work that it leaves to the processor. */
  | { readonly type: "loaded"; readonly memoryBytes: number; readonly note?: string }
  | { readonly type: "load-failed"; readonly error: WireError }
  | { readonly type: "done"; readonly call: CallId; readonly value: Prefilled | undefined }
  | { readonly type: "failed"; readonly call: CallId; readonly error: WireError }
  | { readonly type: "event"; readonly call: CallId; readonly event: GenerateEvent }
  /** `waiting`: steps of work in the queue. `stepsDone`: rises with every step since the child began. */
  | { readonly type: "pong"; readonly memoryBytes: number; readonly waiting: number; readonly stepsDone: number };
