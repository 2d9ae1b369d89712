/** RDP 6.0 bitmap streams ([MS-RDPEGDI] 2.2.2.5.1): one plane a colour, each as it is or run-length encoded. */

import { Malformed } from './octets';

const COLOUR_LOSS = 0x07; // formatHeader: chroma is in YCoCg
const SUBSAMPLED = 0x08;
const RUN_LENGTH = 0x10;
const NO_ALPHA = 0x20;
const OPAQUE = 0xff000000;

let planes = [new Uint8Array(0), new Uint8Array(0), new Uint8Array(0)] as const; // red, green, blue; kept between tiles

/** Decodes `data` into `into`: RGBA words, `width` a row, from the top. The alpha plane is read over: a desktop has none. */
export function planar(data: Uint8Array, width: number, height: number, into: Uint32Array): void {
  const header = data[0];
  if (header === undefined || header & (COLOUR_LOSS | SUBSAMPLED)) throw new Malformed('planar: lossy colours');
  const size = width * height;
  if (planes[0].length < size) planes = [new Uint8Array(size), new Uint8Array(size), new Uint8Array(size)];
  let at = 1;
  if (header & RUN_LENGTH) {
    if (!(header & NO_ALPHA)) at = runs(data, at, width, height, planes[0]);
    for (const plane of planes) at = runs(data, at, width, height, plane);
  } else {
    if (!(header & NO_ALPHA)) at += size;
    if (data.length < at + 3 * size) throw new Malformed('planar: short plane');
    for (const plane of planes) {
      plane.set(data.subarray(at, at + size));
      at += size;
    }
  }
  join(width, height, into);
}

/** Planes come from the bottom row up. */
function join(width: number, height: number, into: Uint32Array): void {
  const [red, green, blue] = planes;
  let from = 0;
  for (let y = height - 1; y >= 0; y--) {
    for (let to = y * width, end = to + width; to < end; to++, from++) {
      into[to] = OPAQUE | ((blue[from] as number) << 16) | ((green[from] as number) << 8) | (red[from] as number);
    }
  }
}

/**
 * One plane of RDP6_RLE_SEGMENTs (2.2.2.5.1.1), each row by itself: absolute in the first, then differences from the
 * row before, sign in the lowest bit. Returns where the plane ends in `data`.
 */
function runs(data: Uint8Array, from: number, width: number, height: number, plane: Uint8Array): number {
  let at = from;
  let to = 0;
  for (let y = 0; y < height; y++) {
    const end = to + width;
    let value = 0;
    while (to < end) {
      const control = data[at++];
      if (control === undefined) throw new Malformed('planar: short runs');
      let run = control & 0x0f;
      let raw = control >> 4;
      if (run === 1 || run === 2) {
        run = 16 * run + raw;
        raw = 0;
      }
      if (to + raw + run > end || at + raw > data.length) throw new Malformed('planar: run over the edge');
      if (y === 0) {
        for (const stop = to + raw; to < stop; ) plane[to++] = value = data[at++] as number;
        plane.fill(value, to, to + run);
        to += run;
      } else {
        for (const stop = to + raw; to < stop; to++) {
          value = difference(data[at++] as number);
          plane[to] = (plane[to - width] as number) + value;
        }
        if (value === 0) {
          plane.copyWithin(to, to - width, to - width + run);
          to += run;
        } else {
          for (const stop = to + run; to < stop; to++) plane[to] = (plane[to - width] as number) + value;
        }
      }
    }
  }
  return at;
}

function difference(coded: number): number {
  return coded & 1 ? -((coded >> 1) + 1) : coded >> 1;
}
