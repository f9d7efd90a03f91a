/** The arguments of `aloud talk`, parsed. */
import { parseArgs } from "node:util";
import { clientKey } from "../../config.ts";
import { UsageError } from "../usage-error.ts";

export const TALK_HELP = `aloud talk: speak to Aloud from the terminal

  aloud talk FILE…            stream WAV or Ogg Opus files as if you were speaking (- reads standard input)
  aloud talk --text "…"       ask in writing; may be given several times, and after files

  --url URL     where the gateway is (default ws://127.0.0.1:7860, or ALOUD_PORT; without a server there, one is started for the occasion)
  --key KEY     key or client secret, where the server asks for one (better: ALOUD_KEY, which no list of processes shows)
  --ptt         push-to-talk: the file's end ends the turn, not the pause after it
  --fast        send faster than real time
  --json        print every server event exactly as received, one a line, and nothing else

Several files are several turns of one session. Exit code 0 when every turn was answered.`;

export interface TalkOptions {
  readonly files: readonly string[];
  readonly texts: readonly string[];
  /** Undefined: the local default, started when nothing listens there. */
  readonly url: string | undefined;
  readonly key: string | undefined;
  readonly json: boolean;
  readonly fast: boolean;
  readonly pushToTalk: boolean;
}

/** @throws UsageError, or what parseArgs throws */
export function parseTalkArgs(args: readonly string[]): TalkOptions | "help" {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      text: { type: "string", multiple: true, short: "t" },
      url: { type: "string" },
      key: { type: "string" },
      json: { type: "boolean" },
      fast: { type: "boolean" },
      ptt: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return "help";
  const texts = values.text ?? [];
  if (positionals.length + texts.length === 0)
    throw new UsageError("nothing to say", 'name a file, or use --text "…"; aloud talk --help says more');
  if (texts.some((text) => text.trim() === "")) throw new UsageError("--text is empty");
  return {
    files: positionals,
    texts,
    url: values.url === undefined ? undefined : realtimeUrl(values.url),
    key: keyOf(values.key ?? clientKey()),
    json: values.json ?? false,
    fast: values.fast ?? false,
    pushToTalk: values.ptt ?? false,
  };
}

/** Not repeated in the complaint: it may be a key all the same. */
function keyOf(text: string | undefined): string | undefined {
  if (text !== undefined && !/^[\w.-]+$/.test(text))
    throw new UsageError("--key or ALOUD_KEY: this is no key", "keys look like ak_…, client secrets like ek_…");
  return text;
}

/** Accepts what people type: `host:port`, `http://…`, `ws://…/v1/realtime`. */
export function realtimeUrl(text: string): string {
  const complete = /^\w+:\/\//.test(text) ? text : `ws://${text}`;
  if (!URL.canParse(complete)) throw new UsageError(`--url: "${text}" is not an address`, "for example: --url ws://localhost:7860");
  const url = new URL(complete);
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") throw new UsageError(`--url: expected ws:// or wss://, got ${url.protocol}//`);
  if (url.pathname === "/") url.pathname = "/v1/realtime";
  return url.href;
}
