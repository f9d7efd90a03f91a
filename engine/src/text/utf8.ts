/** Streaming UTF-8: bytes in, whole characters out. Pure; at most three bytes of an unfinished character are carried. */

export interface Decoded {
  readonly text: string;
  /** Bytes of a character that is not complete yet; pass them to the next call. */
  readonly rest: Uint8Array;
}

export const NO_BYTES = new Uint8Array(0);

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes that can never become a character read as U+FFFD, as everywhere. */
export function decodeUtf8(rest: Uint8Array, bytes: Uint8Array): Decoded {
  const all = new Uint8Array(rest.length + bytes.length);
  all.set(rest);
  all.set(bytes, rest.length);
  const whole = all.length - unfinishedLength(all);
  return { text: decoder.decode(all.subarray(0, whole)), rest: all.slice(whole) };
}

/** How many bytes at the end begin a character that needs more bytes than there are. */
function unfinishedLength(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) return byte >= (back === 1 ? 0xc0 : back === 2 ? 0xe0 : 0xf0) && byte < 0xf8 ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}
