import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { interleaved } from '../src/lib/rdp/interleaved';
import { planar } from '../src/lib/rdp/planar';

/** Made by tests/browser/make_tiles.py with the reference decoders of gateway/rdp. */
interface Vector {
  width: number;
  height: number;
  bpp: number;
  data: string;
  sha256: string;
}
const tiles = JSON.parse(readFileSync(new URL('vectors/tiles.json', import.meta.url), 'utf8')) as Vector[];

describe('the decoder of the page and the reference of the gateway', () => {
  it.each(tiles.map((tile, i) => [`${i}: ${tile.width}x${tile.height}, ${tile.bpp} bits`, tile] as const))(
    'read the same picture (%s)',
    (_, { width, height, bpp, data, sha256 }) => {
      const into = new Uint32Array(width * height);
      const octets = Uint8Array.from(Buffer.from(data, 'base64'));
      if (bpp === 32) planar(octets, width, height, into);
      else interleaved(octets, width, height, bpp, into);
      const rgb = Uint8Array.from([...into].flatMap((word) => [word & 0xff, (word >> 8) & 0xff, (word >> 16) & 0xff]));
      expect(createHash('sha256').update(rgb).digest('hex')).toBe(sha256);
    },
  );
});
