/** How fast packets leave: as a microphone would give them, or as fast as the server takes them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Connection } from "@aloud/client";
import { CLOCK_HZ } from "../clip/encoder.ts";

/** Before the first acknowledgement the server may still be fetching a decoder and keeps only a second of audio. */
const FIRST_WINDOW_PACKETS = 40;
/** Afterwards this much may be under way: 4 s of audio, far below what the server queues. */
const WINDOW_PACKETS = 200;
const MAX_BUFFERED_BYTES = 256 * 1024;
const POLL_MS = 10;

export interface Pace {
  /** Waits until a packet that begins at `at48k` on the audio clock may leave. */
  turnOf(at48k: number): Promise<void>;
}

/** Real time, counted from the first packet; what was late is caught up, as a network would deliver it. */
export function realTime(): Pace {
  let startedAt: number | undefined;
  return {
    async turnOf(at48k) {
      startedAt ??= performance.now() - (at48k / CLOCK_HZ) * 1_000;
      const waitMs = startedAt + (at48k / CLOCK_HZ) * 1_000 - performance.now();
      if (waitMs > 0) await sleep(waitMs);
    },
  };
}

/** As fast as the server acknowledges. @param isClosed ends the wait when nothing will be acknowledged any more */
export function unpaced(connection: Connection, isClosed: () => boolean): Pace {
  let sent = 0;
  return {
    async turnOf() {
      const full = () => {
        const open = connection.unacknowledgedPackets();
        const window = open < sent ? WINDOW_PACKETS : FIRST_WINDOW_PACKETS;
        return open >= window || connection.bufferedBytes() > MAX_BUFFERED_BYTES;
      };
      while (full() && !isClosed()) await sleep(POLL_MS);
      sent += 1;
    },
  };
}
