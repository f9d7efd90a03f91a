import { defineConfig } from "vitest/config";

/** `npm run test:clients`: what needs stock clients installed (deploy/local/test-clients.mjs). One client at a time, one server for all. */
export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["tests/clients/*.test.ts"],
    globalSetup: ["tests/clients/global-setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    fileParallelism: false,
  },
});
