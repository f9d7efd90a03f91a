/** What can be wrong with the microphone or a file, in words for the person in front of it. */

export interface Problem {
  readonly about: "microphone" | "connection" | "file" | "speech" | "server";
  readonly title: string;
  /** What to do. */
  readonly advice: string;
  readonly retry?: "microphone" | "connection";
}

/** What the browser said when asked for the microphone. */
export interface Refusal {
  /** `DOMException.name`. */
  readonly name: string;
  readonly secure: boolean;
  /** The permission's state afterwards, where the browser tells: `prompt` means that the question was dismissed. */
  readonly permission: "granted" | "denied" | "prompt" | "unknown";
}

export function microphoneProblem({ name, secure, permission }: Refusal): Problem {
  const problem = (title: string, advice: string, retry = true): Problem => ({
    about: "microphone",
    title,
    advice,
    ...(retry && { retry: "microphone" as const }),
  });
  if (!secure)
    return problem(
      "The microphone needs a secure page",
      "Open this page over HTTPS, or on this machine as http://localhost. Typing works here, too.",
      false,
    );
  switch (name) {
    case "NotAllowedError":
      if (permission === "prompt")
        return problem("The microphone was not allowed yet", "Press Retry and choose Allow. Nothing is recorded until you talk.");
      return problem(
        "The microphone is blocked for this page",
        "Allow it with the icon to the left of the address (or in the system's privacy settings), then press Retry. Typing works meanwhile.",
      );
    case "NotFoundError":
      return problem("No microphone was found", "Plug one in and press Retry, upload an audio file, or type.");
    case "NotReadableError":
      return problem("The microphone is in use", "Another program holds it. Close that one, then press Retry.");
    case "NotSupportedError":
      return problem(
        "This browser cannot record",
        "Uploading a file and typing work. A current Chrome, Edge, Firefox or Safari can record.",
        false,
      );
    default:
      return problem("The microphone did not start", `The browser said ${name || "nothing"}. Press Retry, or type.`);
  }
}

export const SILENT_MICROPHONE: Problem = {
  about: "microphone",
  title: "Your microphone sends silence",
  advice: "It may be muted, or another program may be using it.",
};
