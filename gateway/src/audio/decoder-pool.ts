/**
 * Opus decoders, made ahead of need: each is a WebAssembly instance of its own, 2 to 10 ms of CPU to create. A decoder serves one
 * session and is then freed, never handed on: what is left of one user's stream would sound in the next one's first packets.
 */
import { OpusDecoder } from "opus-decoder";

export interface PacketDecoder {
  /** Decodes one checked packet to 16 kHz mono; undefined when the decoder finds it corrupt. The samples are the caller's. */
  decode(packet: Uint8Array): Float32Array | undefined;
  free(): void;
}

async function createDecoder(): Promise<PacketDecoder> {
  const decoder = new OpusDecoder({ sampleRate: 16_000, channels: 1 });
  await decoder.ready;
  let state: "open" | "freed" = "open";
  return {
    decode(packet) {
      if (state === "freed") return undefined;
      const { channelData, samplesDecoded, errors } = quietly(() => decoder.decodeFrame(packet));
      const samples = channelData[0];
      return errors.length > 0 || samples === undefined ? undefined : samples.subarray(0, samplesDecoded);
    },
    free() {
      if (state === "freed") return;
      state = "freed";
      decoder.free();
    },
  };
}

/** opus-decoder prints every corrupt packet with console.error, which a hostile client could use to flood the log. Synchronous only. */
function quietly<T>(work: () => T): T {
  const { error } = console;
  console.error = () => {};
  try {
    return work();
  } finally {
    console.error = error;
  }
}

export class DecoderPool {
  readonly #target: number;
  readonly #ready: PacketDecoder[] = [];
  #filling: Promise<void> | undefined;
  #live = 0;
  #state: "open" | "closed" = "open";

  /** @param target decoders kept ready */
  constructor(target: number) {
    this.#target = target;
  }

  /** Resolves once the pool is full. */
  warm(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  /** A decoder for one session: at once if one is ready. The caller frees it. */
  async take(): Promise<PacketDecoder> {
    const decoder = this.#ready.pop() ?? (await createDecoder());
    this.#live++;
    // One turn of the event loop later: the session that asked comes first.
    setImmediate(() => {
      if (this.#state === "open") void this.warm();
    });
    return {
      decode: (packet) => decoder.decode(packet),
      free: () => {
        decoder.free();
        this.#live--;
      },
    };
  }

  /** Decoders in the hands of sessions. */
  live(): number {
    return this.#live;
  }

  close(): void {
    this.#state = "closed";
    for (const decoder of this.#ready.splice(0)) decoder.free();
  }

  async #fill(): Promise<void> {
    while (this.#state === "open" && this.#ready.length < this.#target) {
      const decoder = await createDecoder();
      if (this.#state === "open") this.#ready.push(decoder);
      else decoder.free();
      // Creation blocks for milliseconds; let sockets in between two of them.
      await new Promise(setImmediate);
    }
  }
}
