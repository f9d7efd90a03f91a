/** What Silero looks at, in samples: 32 ms at 16 kHz. It was trained on this size. Apart from silero.ts, so that only the worker loads the runtime. */
export const WINDOW_SAMPLES = 512;
