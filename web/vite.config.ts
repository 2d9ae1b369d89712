import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { ironrdp } from './scripts/ironrdp.ts';
import { standalone } from './scripts/standalone.ts';

// The package's `module` entry names a file that it does not ship.
const alias = { '@xterm/headless': '@xterm/headless/lib-headless/xterm-headless.mjs' };

// The gateway serves `dist` under a strict CSP: nothing inline, no data: URLs, every file from 'self'.
export default defineConfig({
  plugins: [ironrdp(), standalone(alias), svelte()],
  base: '/',
  resolve: { alias },
  build: {
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
    // The desktop is a document of its own, so that the exception in its policy is its own too.
    rollupOptions: { input: { index: 'index.html', desktop: 'desktop.html' } },
  },
  server: { proxy: { '/api': { target: process.env.SLUICEGATE ?? 'http://127.0.0.1:8099', secure: false, ws: true } } },
});
