/** A keys file for one test, written as `aloud key` writes it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiKey, formatKeys } from "../../gateway/src/auth/keys-file.ts";
import { newSecret } from "../../gateway/src/auth/secret.ts";

/** Another key, wrong in its last character. */
export const nearly = (key: string) => `${key.slice(0, -1)}${key.endsWith("_") ? "-" : "_"}`;

export class KeysFile {
  readonly #directory = mkdtempSync(join(tmpdir(), "aloud-keys-"));
  readonly path = join(this.#directory, "keys.json");
  #keys: readonly ApiKey[] = [];

  /** @returns the key itself */
  add(name: string, limits: Partial<Pick<ApiKey, "sessions" | "minutesPerDay">> = {}): string {
    const { id, value, hash } = newSecret("ak");
    this.#keys = [...this.#keys, { id, name, hash, created: "2026-01-01", sessions: undefined, minutesPerDay: undefined, ...limits }];
    this.#save();
    return value;
  }

  revoke(name: string): void {
    this.#keys = this.#keys.filter((key) => key.name !== name);
    this.#save();
  }

  write(text: string): void {
    writeFileSync(this.path, text);
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  #save(): void {
    this.write(formatKeys(this.#keys));
  }
}
