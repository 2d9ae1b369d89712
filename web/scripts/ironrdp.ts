/**
 * Makes the packages of IronRDP fit our content security policy, without weakening it for them: the WebAssembly, which
 * they carry as a `data:` URL, becomes a file; styles that they write as markup go through the CSSOM.
 * The versions are pinned; a text that is not found fails the build.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

const CACHE = join(import.meta.dirname, '..', 'node_modules', '.ironrdp');
const WASM = /= "data:application\/wasm;base64,([A-Za-z0-9+/=]+)"/;
const SHEET =
  'const n = document.createElement("style");\n      n.id = e.hash, n.textContent = e.code, r.appendChild(n);';
const SHEET_INSTEAD = 'const n = new CSSStyleSheet();\n      n.replaceSync(e.code), r.adoptedStyleSheets = [n];';
const STYLE = '"__styles" in t && (t.__styles = {}), i == null';
const STYLE_INSTEAD = 'e === "style" ? (t.style.cssText = i ?? "") : i == null';

export function ironrdp(): Plugin {
  return {
    name: 'ironrdp',
    enforce: 'pre',
    transform(code, id) {
      const file = id.split('?')[0] ?? '';
      if (file.endsWith('/iron-remote-desktop-rdp.js')) return withFile(code);
      if (file.endsWith('/iron-remote-desktop.js')) {
        return { code: replaced(replaced(code, SHEET, SHEET_INSTEAD), STYLE, STYLE_INSTEAD), map: null };
      }
      return null;
    },
  };
}

function withFile(code: string): { code: string; map: null } {
  const found = WASM.exec(code);
  if (!found?.[1]) throw new Error('ironrdp: its WebAssembly is not where it was');
  mkdirSync(CACHE, { recursive: true });
  const path = join(CACHE, 'ironrdp.wasm');
  writeFileSync(path, Buffer.from(found[1], 'base64'));
  const rest = `${code.slice(0, found.index)}= __wasm${code.slice(found.index + found[0].length)}`;
  return { code: `import __wasm from ${JSON.stringify(`${path}?url`)};\n${rest}`, map: null };
}

function replaced(code: string, old: string, by: string): string {
  if (!code.includes(old)) throw new Error(`ironrdp: not found: ${old}`);
  return code.replace(old, by);
}
