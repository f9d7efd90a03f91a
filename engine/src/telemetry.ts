/**
 * onnxruntime 1.30 keeps an id of the device in the user's home and sends events about sessions to its makers, unless its environment says this when the
 * first session is created. Aloud sends nothing to anybody, so every process that creates one is given it.
 */
export const NO_TELEMETRY = { ORT_DISABLE_TELEMETRY: "1" } as const;
