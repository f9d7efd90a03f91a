/**
 * Text of byte-level BPE tokens, token by token. Each token stands for bytes, spelled in GPT-2's printable alphabet; a character can
 * be spread over several tokens, so bytes are decoded as a stream and half a character is never given out.
 */

/** GPT-2's table: printable Latin-1 stands for itself, every other byte for a code point from 256 on (openai/gpt-2, encoder.py). */
function byteOfCharacter(): ReadonlyMap<string, number> {
  const isPrintable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const map = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte += 1) {
    map.set(String.fromCodePoint(isPrintable(byte) ? byte : next), byte);
    if (!isPrintable(byte)) next += 1;
  }
  return map;
}

const BYTES = byteOfCharacter();

export function tokenBytes(token: string): Uint8Array {
  return Uint8Array.from(token, (character) => BYTES.get(character) ?? 0x3f);
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Turns tokens into text as they come. */
export class ByteLevelStream {
  #rest: Uint8Array;

  /** @param rest what another stream left, to go on where it stopped */
  constructor(rest: Uint8Array = new Uint8Array(0)) {
    this.#rest = rest;
  }

  /** Bytes of a character that is not complete yet; at most three. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  /** The characters that are complete with this token. */
  push(token: string): string {
    const bytes = Buffer.concat([this.#rest, tokenBytes(token)]);
    const whole = bytes.length - unfinishedLength(bytes);
    this.#rest = Uint8Array.from(bytes.subarray(whole));
    return decoder.decode(bytes.subarray(0, whole));
  }

  /** What is left: a replacement character if the output ended inside a character, else nothing. */
  end(): string {
    const isInside = this.#rest.length > 0;
    this.#rest = new Uint8Array(0);
    return isInside ? "\uFFFD" : "";
  }
}

/** How many bytes at the end begin a character that needs more bytes than there are (RFC 3629). */
function unfinishedLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    const needed = byte >= 0xf8 ? 0 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : undefined;
    if (needed !== undefined) return needed > back ? back : 0;
  }
  return 0;
}
