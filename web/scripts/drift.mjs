// Fails when src/lib/api/schema.d.ts is not what openapi.json says now (cure: `npm run types`).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const folder = mkdtempSync('src/lib/api/.drift-');
try {
  const fresh = join(folder, 'schema.d.ts');
  const tools = join('node_modules', '.bin');
  execFileSync(join(tools, 'openapi-typescript'), ['openapi.json', '-o', fresh], { stdio: 'ignore' });
  execFileSync(join(tools, 'biome'), ['format', '--write', '--vcs-enabled=false', fresh], { stdio: 'ignore' });
  if (readFileSync(fresh, 'utf8') !== readFileSync('src/lib/api/schema.d.ts', 'utf8')) {
    console.error('src/lib/api/schema.d.ts has drifted from openapi.json: run `npm run types` and commit it');
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true });
}
