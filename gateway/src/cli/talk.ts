/** `aloud talk`: the smallest client. Streams files as if they were spoken and prints the three channels as they come. */
import type { Turn } from "@aloud/client";
import { readConfig } from "../config.ts";
import { readClip, type TimedPacket } from "./clip/clip.ts";
import { openEncoder } from "./clip/encoder.ts";
import { type LocalServer, startLocalServer } from "./talk/local-server.ts";
import { parseTalkArgs, TALK_HELP, type TalkOptions } from "./talk/options.ts";
import { createPrinter } from "./talk/printer.ts";
import { openTalkSession, type TalkSession } from "./talk/session.ts";
import { UsageError } from "./usage-error.ts";

/** @returns 0 when every turn was answered, else 1; 130 after Ctrl-C */
export async function talk(args: readonly string[]): Promise<number> {
  const options = parseTalkArgs(args);
  if (options === "help") {
    console.log(TALK_HELP);
    return 0;
  }
  // Read before anything is opened: a typing error should cost no model load.
  const clips: { file: string; packets: readonly TimedPacket[] }[] = [];
  for (const file of options.files) clips.push({ file, packets: await readClip(file) });

  let server: LocalServer | undefined;
  const encoder = await openEncoder();
  try {
    const connected = await connect(options, (url) => openTalkSession({ ...options, ...output(options), url, encoder }));
    server = connected.server;
    return await converse(connected.session, clips, options.texts);
  } finally {
    encoder.close();
    await server?.close();
  }
}

async function converse(
  session: TalkSession,
  clips: readonly { file: string; packets: readonly TimedPacket[] }[],
  texts: readonly string[],
): Promise<number> {
  let interrupted = false;
  const onSignal = () => {
    interrupted = true;
    void session.close();
  };
  process.once("SIGINT", onSignal);
  const turns: Turn[] = [];
  try {
    for (const { file, packets } of clips) {
      const made = await session.speak(packets).catch((error: unknown) => {
        throw error instanceof UsageError ? new UsageError(`${file}: ${error.message}`, error.hint) : error;
      });
      turns.push(...made);
    }
    for (const text of texts) turns.push(...(await session.ask(text)));
  } catch (error) {
    if (interrupted) return 130;
    throw error;
  } finally {
    process.removeListener("SIGINT", onSignal);
    await session.close();
  }
  return turns.every((turn) => turn.status === "completed" && turn.answer.trim() !== "") ? 0 : 1;
}

function output({ json }: TalkOptions) {
  if (json) return { onMessage: (text: string) => void process.stdout.write(`${text}\n`), onChange: () => {} };
  const color = process.stdout.isTTY === true && !process.env.NO_COLOR;
  return { onMessage: () => {}, onChange: createPrinter({ write: (text) => void process.stdout.write(text), color }) };
}

/** Connects to the address given, or to the local default, or to a server started for the occasion. */
async function connect(
  options: TalkOptions,
  open: (url: string) => Promise<TalkSession>,
): Promise<{ session: TalkSession; server: LocalServer | undefined }> {
  const url = options.url ?? `ws://127.0.0.1:${readConfig().port}/v1/realtime`;
  try {
    return { session: await open(url), server: undefined };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    if (why.includes("server response: 401"))
      throw new UsageError(`${new URL(url).host} asks for a key`, "give it with ALOUD_KEY, or --key KEY");
    const refused = why.includes("ECONNREFUSED");
    if (options.url !== undefined || !refused)
      throw new UsageError(
        `cannot talk to ${url}: ${why || "the connection failed"}`,
        "is a server running there? start one with: aloud serve",
      );
  }
  if (!options.json) console.error(`Nothing listens on ${new URL(url).host}; starting a server for this conversation …`);
  const server = await startLocalServer();
  try {
    return { session: await open(server.url), server };
  } catch (error) {
    await server.close();
    throw error;
  }
}
