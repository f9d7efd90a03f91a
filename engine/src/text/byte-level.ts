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

/** Turns tokens into text as they come. */
export class ByteLevelStream {
  readonly #decoder = new TextDecoder("utf-8");

  /** The characters that are complete with this token. */
  push(token: string): string {
    return this.#decoder.decode(tokenBytes(token), { stream: true });
  }

  /** What is left: a replacement character if the output ended inside a character, else nothing. */
  end(): string {
    return this.#decoder.decode();
  }
}
