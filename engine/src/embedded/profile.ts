/** onnxruntime's profiler for one session: a file in a directory of its own, read and removed when counting ends. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InferenceSession } from "onnxruntime-node";
import { type Placement, placementOf } from "./provider.ts";

export interface Profile {
  /** What the session is created with. */
  readonly options: Pick<InferenceSession.SessionOptions, "enableProfiling" | "profileFilePrefix">;
  /** Ends profiling and tells what ran where. Idempotent. */
  end(session: InferenceSession): Placement;
  /** Removes what the profiler has written. */
  drop(): void;
}

export function startProfile(): Profile {
  const dir = mkdtempSync(join(tmpdir(), "aloud-profile-"));
  const drop = () => rmSync(dir, { recursive: true, force: true });
  let placement: Placement | undefined;
  return {
    options: { enableProfiling: true, profileFilePrefix: join(dir, "graph") },
    end(session) {
      if (placement !== undefined) return placement;
      session.endProfiling();
      // The file's name has the time in it, and the binding does not tell it.
      placement = readdirSync(dir).reduce<Placement>((_, name) => placementOf(readFileSync(join(dir, name), "utf8")), {});
      drop();
      return placement;
    },
    drop,
  };
}
