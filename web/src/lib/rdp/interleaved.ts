/** Interleaved run-length bitmaps of 15, 16 and 24 bits ([MS-RDPBCGR] 2.2.9.1.1.3.1.2.4; algorithm in 3.1.9.3). */

import { Malformed } from './octets';
import { pixelOf } from './pixels';

/** What an order paints, by its code (2.2.9.1.1.3.1.2.4: the high bits, or the whole octet from 0xF0 on). */
const Order = {
  BACKGROUND: 0,
  FOREGROUND: 1,
  MIXED: 2, // foreground or background by a bit mask
  COLOUR_RUN: 3,
  COLOURS: 4,
  DITHERED: 5,
  WHITE: 6,
  BLACK: 7,
} as const;
type Order = (typeof Order)[keyof typeof Order];

interface Form {
  order: Order;
  /** How the length is told: bits in the code octet, or 16 for two octets after it. */
  bits: 4 | 5 | 16 | 0;
  setsForeground: boolean;
  /** Length, or bit mask, where the code alone says it. */
  fixed: number;
}

const FORMS = forms();

/** Decodes `data` into `into`: RGBA words, `width` a row, from the top. */
export function interleaved(data: Uint8Array, width: number, height: number, bpp: number, into: Uint32Array): void {
  const raw = new Rows(data, width, height, bpp);
  const convert = pixelOf(bpp);
  const words = raw.decode();
  let from = 0;
  for (let y = height - 1; y >= 0; y--) {
    for (let to = y * width, end = to + width; to < end; to++) into[to] = convert(words[from++] as number);
  }
}

class Rows {
  readonly #data: Uint8Array;
  readonly #width: number;
  readonly #pixels: Uint32Array; // from the bottom row up, as they are coded
  readonly #wide: number; // octets of a pixel
  readonly #white: number;
  #at = 0;
  #to = 0;
  #foreground: number;
  #insert = false; // a background run after a background run begins with one foreground pixel

  constructor(data: Uint8Array, width: number, height: number, bpp: number) {
    this.#data = data;
    this.#width = width;
    this.#pixels = new Uint32Array(width * height);
    this.#wide = bpp === 24 ? 3 : 2;
    this.#white = bpp === 24 ? 0xffffff : bpp === 16 ? 0xffff : 0x7fff;
    this.#foreground = this.#white;
  }

  decode(): Uint32Array {
    const all = this.#pixels.length;
    let first = true;
    while (this.#at < this.#data.length && this.#to < all) {
      if (first && this.#to >= this.#width) {
        first = false;
        this.#insert = false;
      }
      const code = this.#octet();
      const form = FORMS[code];
      if (!form) throw new Malformed('interleaved: unknown order');
      const length = this.#length(form, code);
      if (form.setsForeground) this.#foreground = this.#pixel();
      this.#paint(form, length);
      this.#insert = form.order === Order.BACKGROUND;
    }
    if (this.#to < all) throw new Malformed('interleaved: short');
    return this.#pixels;
  }

  #length(form: Form, code: number): number {
    switch (form.bits) {
      case 0:
        return form.order === Order.MIXED ? 8 : form.fixed;
      case 16:
        return this.#octet() | (this.#octet() << 8);
      default: {
        const short = code & ((1 << form.bits) - 1);
        if (form.order === Order.MIXED) return short ? short * 8 : this.#octet() + 1;
        return short || this.#octet() + (1 << form.bits);
      }
    }
  }

  #paint(form: Form, length: number): void {
    const pixels = form.order === Order.DITHERED ? length * 2 : length;
    if (this.#to + pixels > this.#pixels.length) throw new Malformed('interleaved: order over the edge');
    switch (form.order) {
      case Order.BACKGROUND:
        this.#background(length);
        break;
      case Order.FOREGROUND:
        for (let i = 0; i < length; i++) this.#put(this.#above() ^ this.#foreground);
        break;
      case Order.MIXED:
        this.#mixed(length, form.fixed);
        break;
      case Order.COLOUR_RUN:
        this.#fill(this.#pixel(), length);
        break;
      case Order.COLOURS:
        for (let i = 0; i < length; i++) this.#put(this.#pixel());
        break;
      case Order.DITHERED: {
        const [one, other] = [this.#pixel(), this.#pixel()];
        for (let i = 0; i < length; i++) {
          this.#put(one);
          this.#put(other);
        }
        break;
      }
      case Order.WHITE:
        this.#put(this.#white);
        break;
      case Order.BLACK:
        this.#put(0);
        break;
    }
  }

  #background(length: number): void {
    let left = length;
    if (this.#insert && left > 0) {
      this.#put(this.#above() ^ this.#foreground);
      left--;
    }
    for (; left > 0; left--) this.#put(this.#above());
  }

  /** `mask` 0: a mask octet comes for each eight pixels. */
  #mixed(length: number, mask: number): void {
    for (let left = length; left > 0; left -= 8) {
      const bits = mask || this.#octet();
      for (let i = 0; i < Math.min(left, 8); i++) {
        this.#put(bits & (1 << i) ? this.#above() ^ this.#foreground : this.#above());
      }
    }
  }

  #fill(value: number, length: number): void {
    this.#pixels.fill(value, this.#to, this.#to + length);
    this.#to += length;
  }

  #above(): number {
    return this.#to < this.#width ? 0 : (this.#pixels[this.#to - this.#width] as number);
  }

  #put(value: number): void {
    this.#pixels[this.#to++] = value;
  }

  #octet(): number {
    const value = this.#data[this.#at++];
    if (value === undefined) throw new Malformed('interleaved: short');
    return value;
  }

  #pixel(): number {
    let value = this.#octet() | (this.#octet() << 8);
    if (this.#wide === 3) value |= this.#octet() << 16;
    return value;
  }
}

/** 2.2.9.1.1.3.1.2.4, all 256 codes. */
function forms(): (Form | null)[] {
  const all: (Form | null)[] = new Array(256).fill(null);
  const range = (from: number, to: number, order: Order, bits: Form['bits'], setsForeground = false, fixed = 0) => {
    for (let code = from; code <= to; code++) all[code] = { order, bits, setsForeground, fixed };
  };
  range(0x00, 0x1f, Order.BACKGROUND, 5);
  range(0x20, 0x3f, Order.FOREGROUND, 5);
  range(0x40, 0x5f, Order.MIXED, 5);
  range(0x60, 0x7f, Order.COLOUR_RUN, 5);
  range(0x80, 0x9f, Order.COLOURS, 5);
  range(0xc0, 0xcf, Order.FOREGROUND, 4, true);
  range(0xd0, 0xdf, Order.MIXED, 4, true);
  range(0xe0, 0xef, Order.DITHERED, 4);
  range(0xf0, 0xf0, Order.BACKGROUND, 16);
  range(0xf1, 0xf1, Order.FOREGROUND, 16);
  range(0xf2, 0xf2, Order.MIXED, 16);
  range(0xf3, 0xf3, Order.COLOUR_RUN, 16);
  range(0xf4, 0xf4, Order.COLOURS, 16);
  range(0xf6, 0xf6, Order.FOREGROUND, 16, true);
  range(0xf7, 0xf7, Order.MIXED, 16, true);
  range(0xf8, 0xf8, Order.DITHERED, 16);
  range(0xf9, 0xf9, Order.MIXED, 0, false, 0x03);
  range(0xfa, 0xfa, Order.MIXED, 0, false, 0x05);
  range(0xfd, 0xfd, Order.WHITE, 0, false, 1);
  range(0xfe, 0xfe, Order.BLACK, 0, false, 1);
  return all;
}
