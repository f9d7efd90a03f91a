/**
 * The engine port: what the gateway needs of anything that hears, thinks and answers.
 * Implementations: `embedded/` (onnxruntime-node in a child process), `vllm/` (a server elsewhere), `testing/scripted.ts`.
 * `testing/contract.ts` is the suite that each of them passes. The gateway owns the conversation's truth (its items and
 * the open turn's audio), so a conversation can be opened anew, on any engine, after a failure.
 */
import type { AloudError } from "@aloud/client/protocol";

export const SAMPLE_RATE_HZ = 16_000;

/** Where a piece of text belongs. Every model has `answer`; the others depend on the model (`EngineInfo.channels`). */
export type Channel = "semantic" | "acoustic" | "answer";

/** One place in which the model runs: a process of ours, or a server. */
export interface Device {
  /** `cpu`, `cpu:1`, `cuda:0`, …; servers by their place in the configuration: `vllm:0`, … */
  readonly id: string;
  /** Where a server is. For whoever runs the engine: no message says it, since messages reach clients. */
  readonly address?: string;
  /** `loading`: not there yet, or not any more. `failed`: for good, until a person mends it; the others serve. */
  readonly state: "loading" | "ready" | "failed";
  /** Main memory of the process that runs there, in bytes; a GPU's own is not counted. 0 while it loads, and for a server. */
  readonly memoryBytes: number;
  /** That live there. */
  readonly conversations: number;
  /** What is under way, what is wrong and how to mend it, or what whoever runs the engine should know of a ready device. */
  readonly message?: string;
}

export interface EngineInfo {
  /** Implementation: `embedded`, `scripted`, … */
  readonly engine: string;
  /** The model's name, as sessions show it: `nano`. */
  readonly model: string;
  readonly channels: readonly Channel[];
  /** How much audio one encoder step takes, in ms; shorter appends wait until a chunk is full or `generate` pads it. */
  readonly chunkMs: number;
  /**
   * Tokens that a conversation holds at most; older turns are dropped to make room. Audio counts only for a model that keeps audio among
   * its tokens, that is, where `audioWindowMs` is absent.
   */
  readonly contextTokens: number;
  /**
   * How much of a turn's audio the model attends to at once, in ms, where audio stands apart from the tokens (cross-attention). A turn may be
   * longer: its oldest audio is forgotten first, and no turn is refused for its length in audio.
   */
  readonly audioWindowMs?: number;
  /**
   * Names of the tools that the model can call, as it spells them. A declared tool that is none of them is never called. Absent: the model
   * reads declarations and may call any tool.
   */
  readonly knownTools?: readonly string[];
}

export type EngineStatus =
  | {
      readonly state: "loading";
      readonly progress: number;
      readonly message: string;
      readonly devices?: readonly Device[];
    }
  | {
      readonly state: "ready";
      readonly devices: readonly Device[];
      readonly conversations: number;
      /** Steps of work in the longest queue of a device. */
      readonly waiting: number;
      /** There while `open` would be refused with `engine_busy`: so that nobody is let in who could not be answered. */
      readonly full?: { readonly retryAfterMs: number };
    }
  | { readonly state: "failed"; readonly error: AloudError }
  | { readonly state: "closed" };

/**
 * Text of a conversation: typed, or known from before. With role `tool` it is what a tool call came to: `ok`, JSON, an error's text.
 * The results of several calls come in the order of the calls.
 */
export interface TextItem {
  readonly type: "text";
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly text: string;
}

/** A tool call of the model: what `generate` yielded, and how it is put back into a conversation that is opened anew. */
export interface ToolCall {
  readonly type: "tool_call";
  /** The tool's name as the app declared it. */
  readonly name: string;
  /** A JSON object as text, valid against the tool's `parameters`. */
  readonly arguments: string;
}

/**
 * A tool that the app declares. Which of its own calls a model writes for it is the engine's business; the embedded engine's rules
 * are in `tools/declared.ts`: same name, or same name in another spelling (`setTimer`, `set-timer`), or the alias in the schema's
 * `x-aloud-tool` (the tool) and `x-aloud-parameter` (a property).
 */
export interface Tool {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments, an object schema. Absent: any object. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

/** What a conversation is made of, apart from the open turn's audio. */
export type HistoryItem = TextItem | ToolCall;

/** 16 kHz mono, −1 … 1. Any length; the engine copies, the caller keeps the array. */
export interface AudioChunk {
  readonly type: "audio";
  readonly samples: Float32Array;
}

export interface ConversationSetup {
  /** Conversations of one session live in one place, where there are several. Absent: any. */
  readonly sessionId?: string;
  /**
   * Whose conversation it is, as an id. Where conversations share a cache, those of different tenants share nothing of it. Absent: everybody's.
   */
  readonly tenant?: string;
  readonly instructions?: string;
  /** Tools that the model may call. They hold for the whole conversation; with others, open another. */
  readonly tools?: readonly Tool[];
  /**
   * What was said before, oldest first. A user text or tool result at the end is answered by `generate`; a user text or audio that is appended
   * instead begins a new turn.
   */
  readonly items?: readonly HistoryItem[];
}

/** What the model has taken in of the turn that is open. */
export interface Prefilled {
  /** Tokens of the open turn that the model has: its text, and its audio (with `audioWindowMs`: frames that it attends to). */
  readonly tokens: number;
  /** The user's words so far, `stable + tail`: `stable` only ever grows within a turn, `tail` may still change. Absent when the model gives none. */
  readonly transcript?: { readonly stable: string; readonly tail: string };
  /** Probability that the user has finished, 0 to 1. Absent when the model gives none. */
  readonly endOfTurn?: number;
}

export interface Sampling {
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** Makes sampling repeatable. */
  readonly seed?: number;
}

export interface GenerateRequest {
  /** `direct` answers without thinking. */
  readonly mode: "think" | "direct";
  /** Thinking that reaches this many tokens is closed and the answer begins. */
  readonly maxThinkTokens: number;
  readonly maxAnswerTokens: number;
  /**
   * `none`: this answer calls no tool. `required`: it calls one and says nothing else, unless the model knows none of those declared or is not sure
   * of what it heard. Default `auto`.
   */
  readonly toolChoice?: "auto" | "none" | "required";
  readonly sampling?: Sampling;
}

export interface GenerateUsage {
  /** Everything that the model attended to when generation began: the context's tokens and the open turn's audio. */
  readonly promptTokens: number;
  /** Of these, audio of the open turn. With `audioWindowMs` it stands apart from the context, so it is not counted in `contextTokens`. */
  readonly audioTokens: number;
  /** Of `promptTokens`, those that the model had before `generate` was called: tokens in the cache, and audio that was encoded while it was spoken. */
  readonly prefilledTokens: number;
  /**
   * Of `promptTokens`, those that the server says to have found in its cache: its own count, in whole blocks from the beginning of the prompt on.
   * Absent where no server says so (the model runs here, the server was not asked to count, or its request was ended early).
   */
  readonly cachedTokens?: number;
  readonly thinkTokens: number;
  /** Includes the tokens of a tool call. */
  readonly answerTokens: number;
}

/**
 * - `stop`: the model ended its answer.
 * - `length`: the answer reached `maxAnswerTokens`, the context is full, or the answer began to repeat itself. Calling `generate` again,
 *   with nothing appended in between, continues the answer where it stopped: the text of both is one answer. Where nothing more can come
 *   (full context, repetition) the continuation ends at once with `length` and no tokens, so stop continuing then.
 *   Appending instead leaves the answer as it is and opens the next turn.
 * - `aborted`: the caller's signal fired. The answer cannot be continued.
 * - `invalid_tool_call`: the model wanted to call a tool, and neither its first attempt nor a second, sampled one named a declared tool with
 *   arguments that are valid against its schema. No `tool_call` was yielded and nothing of it stays in the history; the turn counts as answered
 *   with whatever text was yielded before.
 */
export type EndReason = "stop" | "length" | "aborted" | "invalid_tool_call";

export type GenerateEvent =
  | {
      readonly type: "delta";
      readonly channel: Channel;
      readonly text: string;
      readonly tokens: number;
      /** The model thinks in one text, and the channel was guessed from the sentence's words. Absent: the model itself marked it. */
      readonly isHeuristic?: true;
      /** Part of an answer that began before the thought was over: more thoughts may follow. Absent: the thought is over. */
      readonly isAhead?: true;
    }
  /**
   * The user's words as the model finally understood them; at most once, before or while it thinks.
   * `confidence`, 0 to 1: the geometric mean of the probabilities of its tokens. Only where the model wrote the words itself, while thinking;
   * absent in direct mode and where they come from the live transcript.
   */
  | { readonly type: "transcript"; readonly text: string; readonly confidence?: number }
  /**
   * The model calls a tool: whole, and already checked against the tool's schema. After it comes `end` with reason `stop`; append the result (role
   * `tool`) and call `generate` for what the model says to it. Some models call several tools at once.
   */
  | ToolCall
  /** Always the last event. */
  | { readonly type: "end"; readonly reason: EndReason; readonly usage: GenerateUsage };

/** A point that a conversation can be taken back to. Opaque; valid for the conversation that made it. */
export interface Checkpoint {
  readonly id: number;
}

/**
 * One conversation: its turns live in one growing KV cache.
 * Calls take effect in the order in which they are made. A turn opens with the first `append` after the last `generate`
 * (or after `open`) and is answered by `generate`, whose output then belongs to the history.
 */
export interface Conversation {
  /**
   * Puts audio or text into the open turn. Resolves once every full chunk of it is in the cache.
   * User text joins the open turn; a `system` or `assistant` text or a tool call closes it and becomes history. A model that knows no
   * instructions leaves `system` texts out. A tool's result opens a turn that `generate` answers; several results form one such turn, and
   * what the user says next begins another.
   * @throws AloudError `context_length_exceeded` when the open turn alone is longer than the context;
   *   `engine_busy` when 120 s of audio wait to be taken in (nothing of this chunk is taken in);
   *   `engine_unavailable` or `engine_failed` when the engine is gone (open a new conversation).
   */
  append(item: AudioChunk | HistoryItem): Promise<Prefilled>;
  /** Marks the present point. Cheap. At most `MAX_CHECKPOINTS` are kept; the oldest is forgotten first. */
  checkpoint(): Checkpoint;
  /**
   * Takes the conversation back to `to`; later checkpoints are forgotten.
   * Must not be called while `generate` runs: abort it and wait for its `end` first.
   * @throws AloudError `internal_error` when the checkpoint is unknown or was forgotten.
   */
  rollback(to: Checkpoint): void;
  /**
   * Answers the open turn: pads and takes in what is left of its audio, then streams. It begins with the call, not with the first read.
   * At most one runs at a time; another fails with `conversation_already_has_active_response`.
   * Aborting is an outcome, not an error: the stream ends with reason `aborted` within one token, and what was yielded stays
   * in the history (with a token or two more where the model runs in another process). Breaking out of the iteration aborts too.
   */
  generate(request: GenerateRequest, signal: AbortSignal): AsyncIterable<GenerateEvent>;
  /** Frees the cache. Idempotent; running calls reject with `engine_unavailable`. */
  close(): Promise<void>;
}

export const MAX_CHECKPOINTS = 8;

export interface Engine {
  readonly info: EngineInfo;
  status(): EngineStatus;
  /** Calls `listener` at every change of status until the returned function is called. */
  watch(listener: (status: EngineStatus) => void): () => void;
  /** Waits while the engine loads. @throws AloudError `engine_unavailable`, `engine_busy`, or what loading failed with. */
  open(setup: ConversationSetup): Promise<Conversation>;
  /** Ends every conversation and frees everything. Idempotent. */
  close(): Promise<void>;
}
