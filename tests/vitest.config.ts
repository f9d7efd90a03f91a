import { defineConfig } from "vitest/config";

/** Unit tests sit beside their source; system, browser and acceptance tests live in tests/. Workspaces resolve to their build. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["{client-sdk,engine,gateway,demo}/src/**/*.test.ts", "tests/**/*.test.ts"],
    // Stock clients have a command of their own: they are large.
    exclude: ["**/node_modules/**", "**/dist/**", "tests/clients/**"],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
