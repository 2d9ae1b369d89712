/** `virtual:standalone`: the address of one script that holds the whole player, for recordings that are taken away. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build, type Plugin, type Rollup } from 'vite';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'node_modules', '.standalone');
const NAME = 'virtual:standalone';

export function standalone(alias: Record<string, string>): Plugin {
  return {
    name: 'standalone',
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    async load(id) {
      if (id !== `\0${NAME}`) return null;
      const made = (await build({
        root: ROOT,
        configFile: false,
        logLevel: 'warn',
        plugins: [svelte()],
        resolve: { alias },
        define: { 'process.env.NODE_ENV': '"production"' },
        build: {
          write: false,
          target: 'es2022',
          assetsInlineLimit: 0,
          lib: {
            entry: join(ROOT, 'src', 'standalone.ts'),
            formats: ['iife'],
            name: 'sluicegate',
            fileName: 'standalone',
          },
        },
      })) as Rollup.RollupOutput[];
      const script = made[0]?.output.find((part) => part.type === 'chunk');
      if (script?.type !== 'chunk') throw new Error('standalone: no script came out');
      mkdirSync(CACHE, { recursive: true });
      const path = join(CACHE, 'standalone.js');
      writeFileSync(path, inlined(script.code));
      return `export { default } from ${JSON.stringify(`${path}?url`)};`;
    },
  };
}

/** What would end the element that the script stands in, or change how it is read (HTML 13.2.5.4), is written otherwise. */
function inlined(code: string): string {
  return code.replaceAll('<!--', '\\x3C!--').replace(/<(\/?script)/gi, '\\x3C$1');
}
