/** G.711 (ITU-T): one byte a sample, 8 kHz, on a logarithmic scale; `audio/pcmu` is µ-law, `audio/pcma` A-law. */

function expandMuLaw(byte: number): number {
  const code = ~byte & 0xff;
  const magnitude = ((((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84;
  return code & 0x80 ? -magnitude : magnitude;
}

function expandALaw(byte: number): number {
  const code = byte ^ 0x55;
  const exponent = (code & 0x70) >> 4;
  const mantissa = ((code & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 0x100) << (exponent - 1);
  return code & 0x80 ? magnitude : -magnitude;
}

function table(expand: (byte: number) => number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, byte) => expand(byte) / 32_768);
}

const TABLES = { "audio/pcmu": table(expandMuLaw), "audio/pcma": table(expandALaw) } as const;

/** @returns floats from −1 to 1, one a byte */
export function decodeG711(bytes: Uint8Array, law: "audio/pcmu" | "audio/pcma"): Float32Array {
  const values = TABLES[law];
  return Float32Array.from(bytes, (byte) => values[byte] ?? 0);
}
