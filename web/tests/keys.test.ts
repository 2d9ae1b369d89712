import { expect, test } from 'vitest';
import { fingerprintIn } from '../src/lib/keys';

const DIGEST = 'ZNA55c2Too9QGdnD1EtV2WnS0s4tinYgIR37Nq2z7vg';

test('a fingerprint is found in what the machine prints, and spelt as the gateway spells it', () => {
  expect(fingerprintIn(`256 SHA256:${DIGEST} root@ews-l4 (ED25519)\n`, 'ssh')).toBe(`SHA256:${DIGEST}`);
  expect(fingerprintIn(`  ${DIGEST} `, 'ssh')).toBe(`SHA256:${DIGEST}`);
  expect(fingerprintIn(`${DIGEST}=\n`, 'rdp')).toBe(`SPKI-SHA256:${DIGEST}`);
  expect(fingerprintIn(`SPKI-SHA256:${DIGEST}`, 'rdp')).toBe(`SPKI-SHA256:${DIGEST}`);
});

test('what is too short, too long or something else is no fingerprint', () => {
  for (const text of [
    '',
    'SHA256:',
    DIGEST.slice(1),
    `${DIGEST}A`,
    'MD5:16:27:ac:a5:76:28:2d:36',
    `SHA256:${DIGEST}${DIGEST}`,
  ]) {
    expect(fingerprintIn(text, 'ssh')).toBe('');
  }
});
