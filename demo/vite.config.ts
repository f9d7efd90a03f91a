import { defineConfig } from "vite";

/** Everything is same-origin and hashed, nothing is inlined: the page runs under a strict Content-Security-Policy. */
export default defineConfig({
  root: import.meta.dirname,
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, cssMinify: true },
  server: { proxy: { "/v1": { target: "http://127.0.0.1:7860", ws: true } } },
});
