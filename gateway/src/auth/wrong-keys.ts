/**
 * Bounds how often one address is told that its key is wrong. Nobody guesses 192 random bits, so this guards no key: it keeps a
 * client that retries without end from filling logs and taking time. A right key is never refused for the wrong ones beside it (they may
 * share a proxy's address).
 */
import { AloudError } from "@aloud/client/protocol";
import type { Clock } from "../clock.ts";
import { MAX_WRONG_KEY_ADDRESSES, WRONG_KEY_BURST, WRONG_KEYS_PER_SECOND } from "../limits.ts";
import { TokenBucket } from "../token-bucket.ts";

export class WrongKeys {
  readonly #clock: Clock;
  /** The one that was quiet longest comes first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns what the address is told: what was wrong, or that it asks too often */
  count(address: string, wrong: AloudError): AloudError {
    const bucket = this.#buckets.get(address) ?? new TokenBucket(WRONG_KEY_BURST, WRONG_KEYS_PER_SECOND, this.#clock);
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_WRONG_KEY_ADDRESSES && oldest !== undefined) this.#buckets.delete(oldest);
    if (bucket.take()) return wrong;
    return new AloudError(
      "rate_limit_exceeded",
      `more than ${WRONG_KEY_BURST} wrong keys came from this address; mend the key, then wait`,
      {
        retryAfterMs: Math.ceil(1_000 / WRONG_KEYS_PER_SECOND),
      },
    );
  }
}
