/** Something the person at the terminal can mend: shown as one line, and a second one with what to do. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.hint = hint;
  }
}
