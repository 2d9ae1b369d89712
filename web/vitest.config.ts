import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { alias: { '@xterm/headless': '@xterm/headless/lib-headless/xterm-headless.mjs' } },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
});
