/** Our chat templates, as text for `vllm serve --chat-template`. */
import { readFileSync } from "node:fs";

/** For Step-Audio-R1 and R1.1: closes every turn, which the published one does not. Goes with `--interleave-mm-strings`. */
export function readStepAudioTemplate(): string {
  // The same path from src and from dist.
  return readFileSync(new URL("../../src/vllm/templates/step-audio-r1.jinja", import.meta.url), "utf8");
}
