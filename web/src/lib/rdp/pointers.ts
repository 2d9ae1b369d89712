/** Mouse pointers as targets send them ([MS-RDPBCGR] 2.2.9.1.1.4, 2.2.9.1.2.1.11), to pictures. */

import { Update } from './frames';
import { Malformed, type Octets } from './octets';
import { pixelOf } from './pixels';

export interface Pointer {
  width: number;
  height: number;
  hotX: number;
  hotY: number;
  /** RGBA words from the top. */
  pixels: Uint32Array;
}

const LARGEST = 384; // TS_POINTERATTRIBUTE has at most 96, the large one 384
const CACHE = 1024; // slots; clients offer at most a few dozen

/** What the pointer looks like now: `default`, `hidden`, or a picture. */
export class Pointers {
  shown: Pointer | 'default' | 'hidden' = 'default';
  readonly #cache = new Map<number, Pointer>();

  /** Throws `Malformed`. */
  update(code: number, from: Octets): void {
    switch (code) {
      case Update.POINTER_HIDDEN:
        this.shown = 'hidden';
        break;
      case Update.POINTER_DEFAULT:
        this.shown = 'default';
        break;
      case Update.POINTER_POSITION: // the recording has the person's own mouse
        break;
      case Update.POINTER_CACHED:
        this.shown = this.#cache.get(from.u16()) ?? 'default';
        break;
      default:
        this.#picture(code, from);
    }
  }

  #picture(code: number, from: Octets): void {
    const bpp = code === Update.POINTER_COLOUR ? 24 : from.u16();
    const slot = from.u16();
    const [hotX, hotY, width, height] = [from.u16(), from.u16(), from.u16(), from.u16()];
    const large = code === Update.POINTER_LARGE;
    const andLength = large ? from.u32() : from.u16();
    const xorLength = large ? from.u32() : from.u16();
    if (width > LARGEST || height > LARGEST || slot >= CACHE) throw new Malformed('pointer: too large');
    const xor = from.take(xorLength);
    const and = from.take(andLength);
    this.shown = { width, height, hotX, hotY, pixels: drawn(width, height, bpp, xor, and) };
    this.#cache.set(slot, this.shown);
  }
}

/** Rows come from the bottom and are padded to two octets. Where a mask inverts the screen, a chequer stands for it. */
function drawn(width: number, height: number, bpp: number, xor: Uint8Array, and: Uint8Array): Uint32Array {
  const convert = bpp === 1 ? null : pixelOf(bpp);
  const colours = Math.ceil((width * (bpp === 15 ? 16 : bpp)) / 16) * 2;
  const bits = Math.ceil(width / 16) * 2;
  if (xor.length < colours * height || (and.length > 0 && and.length < bits * height)) {
    throw new Malformed('pointer: short masks');
  }
  const pixels = new Uint32Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = height - 1 - y;
    for (let x = 0; x < width; x++) {
      const masked = and.length > 0 && bit(and, row * bits, x);
      const at = y * width + x;
      if (bpp === 32) {
        const word = word32(xor, row * colours + x * 4);
        const alpha = word >>> 24;
        pixels[at] = alpha || !masked ? ((alpha || 255) << 24) | (pixelOf24(word) & 0xffffff) : 0;
        continue;
      }
      const value = convert ? raw(xor, row * colours, x, bpp) : bit(xor, row * colours, x) ? 0xffffff : 0;
      if (!masked) pixels[at] = convert ? convert(value) : 0xff000000 | value;
      else if (value !== 0) pixels[at] = (x ^ y) & 1 ? 0xffffffff : 0xff000000;
    }
  }
  return pixels;
}

const pixelOf24 = pixelOf(24);

function bit(mask: Uint8Array, from: number, x: number): boolean {
  return ((mask[from + (x >> 3)] as number) & (0x80 >> (x & 7))) !== 0;
}

function word32(data: Uint8Array, at: number): number {
  return raw(data, at, 0, 24) | ((data[at + 3] as number) << 24);
}

function raw(data: Uint8Array, from: number, x: number, bpp: number): number {
  const wide = bpp === 24 ? 3 : 2;
  const at = from + x * wide;
  const low = (data[at] as number) | ((data[at + 1] as number) << 8);
  return wide === 3 ? low | ((data[at + 2] as number) << 16) : low;
}
