/** Pixels as targets send them, to RGBA words: red in the lowest octet, as a canvas has them on every machine of today. */

import { Malformed } from './octets';

const OPAQUE = 0xff000000;

/** From a pixel of `bpp` bits to an RGBA word. */
export function pixelOf(bpp: number): (value: number) => number {
  switch (bpp) {
    case 15:
      return (v) => OPAQUE | (five(v) << 16) | (five(v >> 5) << 8) | five(v >> 10);
    case 16:
      return (v) => OPAQUE | (five(v) << 16) | (six(v >> 5) << 8) | five(v >> 11);
    case 24:
    case 32:
      return (v) => OPAQUE | ((v & 0xff) << 16) | (v & 0xff00) | ((v >> 16) & 0xff);
    default:
      throw new Malformed(`${bpp} bits a pixel`);
  }
}

function five(value: number): number {
  const v = value & 0x1f;
  return (v << 3) | (v >> 2);
}

function six(value: number): number {
  const v = value & 0x3f;
  return (v << 2) | (v >> 4);
}

/** Pixels that are not compressed ([MS-RDPBCGR] 2.2.9.1.1.3.1.2.2): rows from the bottom, each padded to four octets. */
export function plain(data: Uint8Array, width: number, height: number, bpp: number, into: Uint32Array): void {
  const convert = pixelOf(bpp);
  const wide = bpp === 15 ? 2 : bpp / 8;
  let stride = (width * wide + 3) & ~3;
  if (data.length < stride * height) stride = width * wide; // some do not pad
  if (data.length < stride * height) throw new Malformed('pixels: short');
  for (let y = 0; y < height; y++) {
    let at = (height - 1 - y) * stride;
    const end = (y + 1) * width;
    if (wide === 2) {
      for (let to = y * width; to < end; to++, at += 2) {
        into[to] = convert((data[at] as number) | ((data[at + 1] as number) << 8));
      }
    } else {
      // Most of what a target sends: worth a loop of its own.
      for (let to = y * width; to < end; to++, at += wide) {
        into[to] = OPAQUE | ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number);
      }
    }
  }
}
