/**
 * A desktop as a client shows it, from the PDUs that the client got. Total: whatever a PDU holds, `apply` returns;
 * what cannot be drawn is counted in `skipped`, and the picture keeps what was there.
 */

import { Frames, Update } from './frames';
import { interleaved } from './interleaved';
import { Malformed, type Octets } from './octets';
import { plain } from './pixels';
import { planar } from './planar';
import { type Pointer, Pointers } from './pointers';

export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

const SIDE_MOST = 8192;
const AREA_MOST = 8192 * 4096; // pixels; 128 MiB as RGBA
const TILE_MOST = 1 << 23; // pixels of one rectangle: more than 3840x2160
const PDU_MOST = 1 << 24; // pixels that one PDU may make us decode
const RECTS_MOST = 64; // changed rectangles kept apart
const KINDS_MOST = 64; // kinds of skipped things counted apart
const COMPRESSED = 0x0001;
const NO_HEADER = 0x0400; // NO_BITMAP_COMPRESSION_HDR
const BLACK = 0xff000000;

export class Desktop {
  width = 0;
  height = 0;
  /** RGBA words, `width` a row, from the top. */
  pixels = new Uint32Array(0);
  /** How many of what were not drawn. */
  readonly skipped = new Map<string, number>();
  readonly #pointers = new Pointers();
  #changed: Rect[] = [];
  #tile = new Uint32Array(64 * 64);
  #left = 0; // pixels that the PDU in hand may still decode
  readonly #frames = new Frames({
    update: (code, body) => this.#update(code, body),
    demanded: (width, height) => this.size(width, height),
    skipped: (what) => this.#skip(what),
  });

  get pointer(): Pointer | 'default' | 'hidden' {
    return this.#pointers.shown;
  }

  /** A new size empties the picture; the same size keeps it. */
  size(width: number, height: number): void {
    if (width < 1 || height < 1 || width > SIDE_MOST || height > SIDE_MOST || width * height > AREA_MOST) {
      this.#skip('size');
      return;
    }
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height).fill(BLACK);
    this.#changed = [{ x: 0, y: 0, width, height }];
  }

  /** One PDU, whole, as it was sent to the client. */
  apply(pdu: Uint8Array): void {
    this.#left = PDU_MOST;
    try {
      this.#frames.feed(pdu);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.#skip('malformed');
    }
  }

  /** What changed since this was asked last. */
  changed(): Rect[] {
    const rects = this.#changed;
    this.#changed = [];
    return rects;
  }

  #update(code: number, body: Octets): void {
    if (code === Update.BITMAP) this.#bitmaps(body);
    else if (code >= Update.POINTER_HIDDEN && code <= Update.POINTER_LARGE) this.#pointers.update(code, body);
    else if (code !== Update.SYNCHRONIZE) this.#skip(`update ${code}`);
  }

  /** TS_UPDATE_BITMAP_DATA ([MS-RDPBCGR] 2.2.9.1.1.3.1.2) after its type. */
  #bitmaps(from: Octets): void {
    for (let count = from.u16(); count > 0; count--) {
      const [left, top, right, bottom] = [from.u16(), from.u16(), from.u16(), from.u16()];
      const [width, height, bpp, flags] = [from.u16(), from.u16(), from.u16(), from.u16()];
      let data = from.take(from.u16());
      if (flags & COMPRESSED && !(flags & NO_HEADER)) data = data.subarray(8);
      if (width * height > TILE_MOST || width * height > this.#left) {
        this.#skip('rectangle too large');
        continue;
      }
      this.#left -= width * height;
      try {
        this.#decode(data, width, height, bpp, (flags & COMPRESSED) !== 0);
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        this.#skip(`rectangle of ${bpp} bits`);
        continue;
      }
      this.#place(left, top, Math.min(right - left + 1, width), Math.min(bottom - top + 1, height), width);
    }
  }

  #decode(data: Uint8Array, width: number, height: number, bpp: number, compressed: boolean): void {
    const size = width * height;
    if (this.#tile.length < size) this.#tile = new Uint32Array(size);
    if (!compressed) plain(data, width, height, bpp, this.#tile);
    else if (bpp === 32) planar(data, width, height, this.#tile);
    else interleaved(data, width, height, bpp, this.#tile);
  }

  /** Copies the tile's upper left `width` x `height` to its place; what is outside the desktop is cut. */
  #place(x: number, y: number, width: number, height: number, stride: number): void {
    const wide = Math.min(width, this.width - x);
    const high = Math.min(height, this.height - y);
    if (wide <= 0 || high <= 0) return;
    for (let row = 0; row < high; row++) {
      this.pixels.set(this.#tile.subarray(row * stride, row * stride + wide), (y + row) * this.width + x);
    }
    this.#touch(x, y, wide, high);
  }

  #touch(x: number, y: number, width: number, height: number): void {
    if (width === 0 || height === 0) return;
    if (this.#changed.length >= RECTS_MOST) this.#changed = [this.#changed.reduce(joined)];
    this.#changed.push({ x, y, width, height });
  }

  #skip(what: string): void {
    const kind = this.skipped.has(what) || this.skipped.size < KINDS_MOST ? what : 'other';
    this.skipped.set(kind, (this.skipped.get(kind) ?? 0) + 1);
  }
}

function joined(a: Rect, b: Rect): Rect {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}
