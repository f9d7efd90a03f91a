/** A real Chromium with a microphone that plays a recording. Absent browsers skip the tests, and say so. */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpusDecoder } from "opus-decoder";
import { type Browser, chromium } from "playwright-core";
import { parseOggOpus } from "../../gateway/src/cli/clip/ogg-opus.ts";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:/Program Files/Google/Chrome/Application/chrome.exe",
];

/** Undefined when no Chromium is installed; `CHROMIUM_PATH` says where another one is. */
export const chromiumPath = [process.env.CHROMIUM_PATH ?? "", ...PLACES].find((path) => path !== "" && existsSync(path));

export type FakeMicrophone =
  /** Plays the recording, then silence, over and over: Chromium loops the file. */
  | { readonly plays: URL }
  /** There is a microphone, and the person refuses it. */
  | "refused"
  | "missing";

export interface LaunchedBrowser {
  readonly browser: Browser;
  close(): Promise<void>;
}

export async function launchChromium(microphone: FakeMicrophone): Promise<LaunchedBrowser> {
  if (chromiumPath === undefined) throw new Error("no Chromium");
  const directory = await mkdtemp(join(tmpdir(), "aloud-browser-"));
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  if (microphone === "missing") args.push("--use-fake-ui-for-media-stream");
  else if (microphone === "refused") args.push("--use-fake-device-for-media-stream", "--deny-permission-prompts");
  else {
    const file = join(directory, "microphone.wav");
    await writeFile(file, await rendered(microphone.plays));
    args.push("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${file}`);
  }
  const browser = await chromium.launch({ executablePath: chromiumPath, args });
  return {
    browser,
    async close() {
      await browser.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

const RATE_HZ = 48_000;
/** Long enough for an endpoint and an answer before the recording comes round again. */
const SILENCE_SECONDS = 6;

/** An Ogg Opus file as WAV, with silence behind it. */
async function rendered(file: URL): Promise<Buffer> {
  const { packets, preSkip48k } = parseOggOpus(await readFile(file));
  const decoder = new OpusDecoder({ channels: 1, preSkip: preSkip48k });
  await decoder.ready;
  const [samples = new Float32Array(0)] = decoder.decodeFrames([...packets]).channelData;
  decoder.free();
  const count = samples.length + SILENCE_SECONDS * RATE_HZ;
  const wav = Buffer.alloc(44 + 2 * count);
  wav.write("RIFF", 0, "latin1");
  wav.writeUInt32LE(36 + 2 * count, 4);
  wav.write("WAVEfmt ", 8, "latin1");
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(RATE_HZ, 24);
  wav.writeUInt32LE(2 * RATE_HZ, 28);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write("data", 36, "latin1");
  wav.writeUInt32LE(2 * count, 40);
  samples.forEach((sample, index) => {
    wav.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 0x7fff), 44 + 2 * index);
  });
  return wav;
}
