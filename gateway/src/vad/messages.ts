/** What host and worker of the VAD say to each other. Windows of one stream are answered in the order in which they came. */
export type ToWorker =
  | { readonly kind: "window"; readonly stream: number; readonly window: Float32Array }
  | { readonly kind: "forget"; readonly stream: number }
  /** Finish and exit by yourself: terminating a worker inside a run aborts the whole process. */
  | { readonly kind: "stop" };

export type FromWorker =
  | { readonly kind: "ready" }
  /** `streams[i]` got `probabilities[i]`. */
  | { readonly kind: "scores"; readonly streams: readonly number[]; readonly probabilities: Float32Array };
