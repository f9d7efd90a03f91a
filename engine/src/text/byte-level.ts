/**
 * The byte alphabet of byte-level BPE (GPT-2's `bytes_to_unicode`): every byte is written as one printable character in a
 * vocabulary. Printable bytes stand for themselves, the other 68 for U+0100 onwards in order.
 */
const byteOfCharacter: ReadonlyMap<string, number> = buildAlphabet();

function buildAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    alphabet.set(String.fromCharCode(isPrintable ? byte : next++), byte);
  }
  return alphabet;
}

/** The bytes that a vocabulary entry stands for; `undefined` when it is not written in the byte alphabet. */
export function bytesOfToken(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let n = 0; n < token.length; n++) {
    const byte = byteOfCharacter.get(token.charAt(n));
    if (byte === undefined) return undefined;
    bytes[n] = byte;
  }
  return bytes;
}
