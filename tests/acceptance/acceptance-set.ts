/** The acceptance set: sentences that nano never read, in voices that it never heard, with the exact answers (tests/fixtures/make.py). */
import { readFile } from "node:fs/promises";
import { type OggOpus, parseOggOpus } from "../../gateway/src/cli/clip/ogg-opus.ts";

export interface AcceptanceItem {
  readonly voice: string;
  readonly intent: string;
  readonly text: string;
  readonly answer: string;
  readonly packets: OggOpus["packets"];
}

interface IndexRow extends Omit<AcceptanceItem, "packets"> {
  readonly offset: number;
  readonly bytes: number;
}

export async function readAcceptanceSet(): Promise<readonly AcceptanceItem[]> {
  const fixtures = new URL("../fixtures/", import.meta.url);
  const index = JSON.parse(await readFile(new URL("acceptance.json", fixtures), "utf8")) as readonly IndexRow[];
  const packed = await readFile(new URL("acceptance.bin", fixtures));
  return index.map(({ offset, bytes, ...item }) => ({ ...item, packets: parseOggOpus(packed.subarray(offset, offset + bytes)).packets }));
}
