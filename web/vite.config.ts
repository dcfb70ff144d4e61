import { defineConfig } from "vite";

// `npm run dev` shows the pages over a running server: STRATA_URL, or the default port here.
const server = process.env.STRATA_URL ?? "http://127.0.0.1:8000";
const paths = ["/v1", "/api", "/metrics", "/health", "/version", "/endpoints", "/tokenize",
  "/detokenize", "/apply-template"];

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2022",
    outDir: process.env.STRATA_PAGES_OUT ?? "../build/pages/dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,       // nothing inline: the content security policy forbids it
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, server])) },
});
