/** RDP 6.0 bitmap streams ([MS-RDPEGDI] 2.2.2.5.1): one plane a colour, each as it is or run-length encoded. */

import { Malformed } from './octets';

const COLOUR_LOSS = 0x07; // formatHeader: chroma is in YCoCg
const SUBSAMPLED = 0x08;
const RUN_LENGTH = 0x10;
const NO_ALPHA = 0x20;
const OPAQUE = 0xff000000;
const LOW_BITS = 0x7f7f7f7f;
const HIGH_BITS = 0x80808080;

/** Decodes `data` into `into`: RGBA words, `width` a row, from the top. The alpha plane is read over: a desktop has none. */
export function planar(data: Uint8Array, width: number, height: number, into: Uint32Array): void {
  const header = data[0];
  if (header === undefined || header & (COLOUR_LOSS | SUBSAMPLED)) throw new Malformed('planar: lossy colours');
  const size = width * height;
  const alpha = !(header & NO_ALPHA);
  if (!(header & RUN_LENGTH)) {
    raw(data, alpha ? 1 + size : 1, width, height, into);
    return;
  }
  let at = 1;
  if (alpha) at = runs(data, at, width, height, into, 0);
  into.fill(0, 0, size); // of what went before, and of the alpha plane
  for (const shift of [0, 8, 16]) at = runs(data, at, width, height, into, shift);
  accumulate(width, height, into);
}

/** Planes of red, green and blue as they are, from the bottom row up. */
function raw(data: Uint8Array, from: number, width: number, height: number, into: Uint32Array): void {
  const size = width * height;
  if (data.length < from + 3 * size) throw new Malformed('planar: short plane');
  let at = from;
  for (let y = height - 1; y >= 0; y--) {
    for (let to = y * width, end = to + width; to < end; to++, at++) {
      into[to] =
        OPAQUE | ((data[at + 2 * size] as number) << 16) | ((data[at + size] as number) << 8) | (data[at] as number);
    }
  }
}

/**
 * One plane of RDP6_RLE_SEGMENTs (2.2.2.5.1.1): values of the lowest row, differences in those above it, put into
 * `into` as they come, `shift` bits up. What is zero is there already, so that a run of it costs nothing.
 * Returns where the plane ends in `data`.
 */
function runs(data: Uint8Array, from: number, width: number, height: number, into: Uint32Array, shift: number): number {
  let at = from;
  for (let y = height - 1; y >= 0; y--) {
    const absolute = y === height - 1;
    let to = y * width;
    const end = to + width;
    let word = 0; // the last value, shifted
    while (to < end) {
      const control = data[at++];
      if (control === undefined) throw new Malformed('planar: short runs');
      let run = control & 0x0f;
      let plain = control >> 4;
      if (run === 1 || run === 2) {
        run = 16 * run + plain;
        plain = 0;
      }
      if (to + plain + run > end || at + plain > data.length) throw new Malformed('planar: run over the edge');
      for (const stop = to + plain; to < stop; to++) {
        const coded = data[at++] as number;
        // The sign is in the lowest bit (3.1.9.2.3).
        word = ((absolute ? coded : (coded >> 1) ^ -(coded & 1)) & 0xff) << shift;
        into[to] = (into[to] as number) | word;
      }
      if (word !== 0) for (const stop = to + run; to < stop; to++) into[to] = (into[to] as number) | word;
      else to += run;
    }
  }
  return at;
}

/** Adds each row to the one above it, octet by octet and modulo 256, four octets at a time. */
function accumulate(width: number, height: number, into: Uint32Array): void {
  const bottom = (height - 1) * width;
  for (let to = bottom, end = bottom + width; to < end; to++) into[to] = (into[to] as number) | OPAQUE;
  for (let to = bottom - 1; to >= 0; to--) {
    const one = into[to] as number;
    const other = into[to + width] as number;
    into[to] = ((one & LOW_BITS) + (other & LOW_BITS)) ^ ((one ^ other) & HIGH_BITS);
  }
}
