/**
 * What the fake reads in a request: tokens of a prompt, as many as the recorded server counted for the recorded requests. Text is cut into pieces
 * of up to five letters; an audio part is 25 tokens a second between two marks, as Qwen2-Audio's.
 */
import { createHash } from "node:crypto";

export class Refused extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(`refused with ${status}`);
    this.status = status;
    this.body = body;
  }
}

export function refuse(status: number, message: string, type = "BadRequestError", param: string | null = null): never {
  throw new Refused(status, { error: { message, type, param, code: status } });
}

// biome-ignore lint/suspicious/noExplicitAny: a request is whatever a test sends
export type Request = any;

export interface Prompt {
  readonly tokens: readonly string[];
  /** Hashes of the audio parts, in order. */
  readonly audio: readonly string[];
  readonly audioTokens: number;
  /** What the prompt has of the assistant's message. */
  readonly prefill: string;
  /** All of the prompt but the prefill: what the answer depends on. */
  readonly fingerprint: string;
  readonly lastText: string;
}

export const pieces = (text: string): string[] => text.match(/ ?[\p{L}\p{N}_]{1,5}|[^\p{L}\p{N}_ ]| +/gu) ?? [];

/** Pieces of role names in the recorded model's tokenizer. */
const ROLE_PIECES: Readonly<Record<string, number>> = { system: 2, human: 1, assistant: 4, tool: 2 };

const header = (role: string) => ["<|BOT|>", ...Array.from({ length: ROLE_PIECES[role] ?? 1 }, (_, n) => `${role}${n}`), "\n"];

export function readPrompt(request: Request, maxAudios: number): Prompt {
  if (!Array.isArray(request.messages)) {
    const detail = "1 validation error:\n  {'type': 'missing', 'loc': 'body.messages', 'msg': 'Field required', 'input': {}}";
    refuse(400, detail, "Bad Request", "body.messages");
  }
  if (request.messages.length === 0) {
    refuse(400, "Cannot apply chat template to an empty conversation. Provide at least one message.");
  }
  const tokens: string[] = [];
  const audio: string[] = [];
  let audioTokens = 0;
  let lastText = "";
  if (request.tools !== undefined) tokens.push(...header("tool"), ...pieces(JSON.stringify(request.tools)), "<|EOT|>");
  const messages = [...request.messages];
  const isContinued = request.continue_final_message === true;
  const prefill = isContinued ? String(messages.at(-1).content) : "";
  if (isContinued) messages.pop();
  for (const message of messages) {
    tokens.push(...header(message.role === "user" ? "human" : message.role));
    const content = typeof message.content === "string" ? [{ type: "text", text: message.content }] : (message.content ?? []);
    for (const part of content) {
      if (part.type === "text") {
        tokens.push(...pieces(part.text));
        lastText = part.text;
      } else {
        const data = part.type === "input_audio" ? part.input_audio.data : String(part.audio_url.url).split(",")[1];
        const { samples, hash } = readWav(data);
        const count = Math.floor((Math.min(samples, 480_000) * 25) / 16_000);
        tokens.push("<|audio_bos|>", ...Array.from({ length: count }, (_, n) => `${hash}:${n}`), "<|audio_eos|>");
        audio.push(hash);
        audioTokens += count;
      }
    }
    for (const call of message.tool_calls ?? []) tokens.push(...pieces(JSON.stringify(call.function)));
    tokens.push("<|EOT|>");
  }
  if (audio.length > maxAudios)
    refuse(400, `At most ${maxAudios} audio(s) may be provided in one prompt. (parameter=audio)`, "BadRequestError", "audio");
  const fingerprint = createHash("sha1").update(tokens.join("\u0000")).digest("hex");
  if (isContinued) tokens.push(...header("assistant"), ...prefillPieces(prefill));
  else if (request.add_generation_prompt !== false) tokens.push(...header("assistant"), "<think>", "\n");
  return { tokens, audio, audioTokens, prefill: isContinued ? prefill : "<think>\n", fingerprint, lastText };
}

const prefillPieces = (text: string) =>
  text.split(/(<think>|<\/think>|\n\n|\n)/u).flatMap((part) => (/^(?:<|\n)/u.test(part) ? [part] : pieces(part)));

function readWav(data: unknown): { samples: number; hash: string } {
  if (typeof data !== "string" || data === "") {
    refuse(400, "multi_modal_data['audio'][0] is empty but multi_modal_uuids['audio'][0] is missing.");
  }
  if (/[^A-Za-z0-9+/=]/u.test(data)) refuse(400, "Non-base64 digit found");
  const wav = Buffer.from(data, "base64");
  if (wav.toString("latin1", 0, 4) !== "RIFF") {
    refuse(400, "Invalid or corrupted audio data. Ensure the input is a valid audio or video file (e.g. a complete WAV, MP3, or MP4).");
  }
  const samples = (wav.length - 44) / 2;
  if (samples <= 320) refuse(400, `The audio (len=${samples}) is too short to be represented inside the model`);
  return { samples, hash: createHash("sha1").update(wav).digest("hex").slice(0, 16) };
}
