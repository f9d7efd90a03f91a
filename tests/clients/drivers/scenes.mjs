/**
 * What every driver in JavaScript shares: what it is told (a file named by ALOUD_CLIENT), how it takes turns through the scenes, and how it
 * tells what its client saw (lines that begin with "@@ "; whatever else a client prints is its own affair).
 */
import { readFileSync } from "node:fs";

const PATIENCE_MS = 20_000;

export const told = JSON.parse(readFileSync(process.env.ALOUD_CLIENT, "utf8"));

/** @returns {Buffer} PCM16 at 24 kHz, with the silence behind it in which a turn ends */
export const sound = (name) => readFileSync(told.sounds[name]);

/** Pieces of 100 ms, as microphones give them. */
export function* pieces(pcm) {
  for (let at = 0; at < pcm.length; at += 4_800) yield pcm.subarray(at, at + 4_800);
}

/** Plays each scene on a connection of its own, one after the other. @param scenes functions by name; each returns what the client saw */
export async function play(scenes) {
  for (const name of told.scenes) {
    let late;
    const patience = new Promise((_, reject) => {
      late = setTimeout(() => reject(new Error(`the scene took more than ${PATIENCE_MS} ms`)), PATIENCE_MS);
    });
    const saw = await Promise.race([scenes[name](), patience]).catch((error) => ({ failed: error?.stack ?? String(error) }));
    clearTimeout(late);
    process.stdout.write(`@@ ${JSON.stringify({ scene: name, saw })}\n`);
  }
  process.exit(0);
}

/** Things that arrive and are waited for, in order. */
export class Inbox {
  #things = [];
  #waiting;

  put(thing) {
    this.#things.push(thing);
    this.#waiting?.();
  }

  /** Takes everything up to the first one that fits, and returns that. */
  async take(fits) {
    const at = await this.#find(fits);
    return this.#things.splice(0, at + 1)[at];
  }

  /** Takes the first one that fits, from among others that are still waited for. */
  async pick(fits) {
    const at = await this.#find(fits);
    return this.#things.splice(at, 1)[0];
  }

  async #find(fits) {
    for (;;) {
      const at = this.#things.findIndex(fits);
      if (at >= 0) return at;
      await new Promise((resolve) => {
        this.#waiting = resolve;
      });
    }
  }
}
