// Fails when the types in src/lib/api are not what the schemas say now (cure: `npm run types`).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const folder = mkdtempSync('src/lib/api/.drift-');
const tools = join('node_modules', '.bin');
try {
  for (const [schema, name] of [
    ['openapi.json', 'schema.d.ts'],
    ['openapi-admin.json', 'admin.d.ts'],
  ]) {
    const fresh = join(folder, name);
    execFileSync(join(tools, 'openapi-typescript'), [schema, '-o', fresh], { stdio: 'ignore' });
    execFileSync(join(tools, 'biome'), ['format', '--write', '--vcs-enabled=false', fresh], { stdio: 'ignore' });
    if (readFileSync(fresh, 'utf8') !== readFileSync(join('src/lib/api', name), 'utf8')) {
      console.error(`src/lib/api/${name} has drifted from ${schema}: run \`npm run types\` and commit it`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
