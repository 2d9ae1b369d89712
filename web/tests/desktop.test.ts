import { describe, expect, it } from 'vitest';
import { Desktop } from '../src/lib/rdp/desktop';
import { interleaved } from '../src/lib/rdp/interleaved';
import { Malformed, Octets } from '../src/lib/rdp/octets';
import { planar } from '../src/lib/rdp/planar';
import { bitmapUpdate, demandActive, fast, indication, planarOf, shareData, slowBitmap, u16, u32 } from './pdus';

const hex = (text: string) => Uint8Array.from(text.trim().split(/\s+/), (b) => Number.parseInt(b, 16));
const rgb = (word: number) => ((word & 0xff) << 16) | (word & 0xff00) | ((word >> 16) & 0xff);
const at = (d: Desktop, x: number, y: number) => rgb(d.pixels[y * d.width + x] as number);
const tile = (data: number[], more: object = {}) => ({
  x: 0,
  y: 0,
  width: 4,
  height: 2,
  bpp: 32,
  flags: 0x401,
  data,
  ...more,
});

function desktop(width = 64, height = 48): Desktop {
  const d = new Desktop();
  d.size(width, height);
  d.changed();
  return d;
}

describe('planar', () => {
  it('decodes the plane of MS-RDPEGDI 3.1.9.2.3: absolute values, then differences', () => {
    const plane = '13 FF 20 FE FD 60 01 7D F5 C2 9A 38 60 01 67 8B A3 78 AF';
    const into = new Uint32Array(18);
    planar(hex(`30 ${plane} ${plane} ${plane}`), 6, 3, into);
    const rows = [0, 1, 2].map((y) => [...into.subarray(y * 6, y * 6 + 6)].map((w) => w & 0xff));
    expect(rows).toEqual([
      [253, 140, 62, 14, 135, 193],
      [254, 192, 132, 96, 75, 25],
      [255, 255, 255, 255, 254, 253],
    ]);
    expect(into[0]).toBe(0xfffdfdfd);
  });

  it.each([
    ['with a plane of alpha', true],
    ['without one', false],
  ])('decodes colours exactly, %s', (_, alpha) => {
    const pixel = (x: number, y: number) => (x * 7919 + y * 104729 + ((x * y) % 9 === 0 ? 0x123456 : 0)) & 0xffffff;
    const into = new Uint32Array(61 * 17).fill(0xdeadbeef);
    planar(Uint8Array.from(planarOf(61, 17, pixel, alpha)), 61, 17, into);
    expect([...into].map(rgb)).toEqual(Array.from({ length: 61 * 17 }, (__, i) => pixel(i % 61, Math.trunc(i / 61))));
  });

  it('decodes long runs of both forms', () => {
    const line = [0x1f, 0x55, 0x21, 0x02]; // 1 raw and a run of 15, a run of 18, a run of 32
    const into = new Uint32Array(66);
    planar(Uint8Array.from([0x30, ...line, ...line, ...line]), 66, 1, into);
    expect(new Set(into)).toEqual(new Set([0xff555555]));
  });

  it('decodes planes that are not compressed, from the bottom row up', () => {
    const into = new Uint32Array(2);
    planar(Uint8Array.from([0x20, 1, 2, 3, 4, 5, 6, 0]), 1, 2, into);
    expect([...into].map(rgb)).toEqual([0x020406, 0x010305]);
  });
});

describe('interleaved', () => {
  const decode = (width: number, height: number, bpp: number, ...data: number[]) => {
    const into = new Uint32Array(width * height);
    interleaved(Uint8Array.from(data), width, height, bpp, into);
    return Array.from({ length: height }, (_, y) => [...into.subarray(y * width, (y + 1) * width)].map(rgb));
  };
  const RED = [0x00, 0xf8];
  const WHITE = 0xffffff;

  it('paints runs of colour, raw colours, black and white', () => {
    expect(decode(8, 1, 16, 0x63, ...RED, 0x82, ...RED, 0x1f, 0x00, 0xfd, 0xfe, 0x61, 0, 0)).toEqual([
      [0xff0000, 0xff0000, 0xff0000, 0xff0000, 0x0000ff, WHITE, 0, 0],
    ]);
  });

  it('takes background from the row below, and foreground with it exclusive-or', () => {
    const [top, bottom] = decode(4, 2, 16, 0x64, ...RED, 0x02, 0x22);
    expect(bottom).toEqual([0xff0000, 0xff0000, 0xff0000, 0xff0000]);
    expect(top).toEqual([0xff0000, 0xff0000, 0x00ffff, 0x00ffff]);
  });

  it('begins a background run after another with one foreground pixel, but not over the border of the first row', () => {
    expect(decode(4, 1, 16, 0x02, 0x02)).toEqual([[0, 0, WHITE, 0]]);
    expect(decode(2, 2, 16, 0x02, 0x02)).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('paints masks: of one code, and octet by octet', () => {
    expect(decode(8, 1, 16, 0xf9)).toEqual([[WHITE, WHITE, 0, 0, 0, 0, 0, 0]]);
    expect(decode(8, 1, 16, 0xfa)).toEqual([[WHITE, 0, WHITE, 0, 0, 0, 0, 0]]);
    expect(decode(8, 1, 16, 0x41, 0x81)).toEqual([[WHITE, 0, 0, 0, 0, 0, 0, WHITE]]);
    expect(decode(3, 1, 16, 0x40, 0x02, 0x05)).toEqual([[WHITE, 0, WHITE]]);
    expect(decode(8, 1, 16, 0xd1, ...RED, 0x81)).toEqual([[0xff0000, 0, 0, 0, 0, 0, 0, 0xff0000]]);
  });

  it('reads long and very long lengths, and sets the foreground', () => {
    expect(decode(40, 1, 16, 0x60, 8, ...RED)).toEqual([new Array(40).fill(0xff0000)]);
    expect(decode(300, 1, 16, 0xf3, 0x2c, 0x01, ...RED)).toEqual([new Array(300).fill(0xff0000)]);
    expect(decode(4, 1, 16, 0xc2, ...RED, 0x22)).toEqual([new Array(4).fill(0xff0000)]);
    expect(decode(4, 1, 16, 0xe2, ...RED, 0x00, 0x00)).toEqual([[0xff0000, 0, 0xff0000, 0]]);
  });

  it('knows pixels of 15 and 24 bits', () => {
    expect(decode(2, 1, 15, 0x62, 0x00, 0x7c)).toEqual([[0xff0000, 0xff0000]]);
    expect(decode(2, 1, 24, 0x62, 0x33, 0x22, 0x11)).toEqual([[0x112233, 0x112233]]);
  });
});

describe('a desktop', () => {
  it('takes its size from a Demand Active and empties when that changes', () => {
    const d = new Desktop();
    d.apply(demandActive(800, 600));
    expect([d.width, d.height, d.pixels.length]).toEqual([800, 600, 480000]);
    expect(d.changed()).toEqual([{ x: 0, y: 0, width: 800, height: 600 }]);
    d.apply(demandActive(1024, 768));
    expect([d.width, d.height]).toEqual([1024, 768]);
  });

  it('draws the same by slow path, by fast path and by fragments', () => {
    const data = planarOf(4, 2, (x, y) => 0x100000 * y + x);
    const update = bitmapUpdate(tile(data, { x: 3, y: 5 }));
    const whole = [slowBitmap(tile(data, { x: 3, y: 5 })), fast([1, 0, update])];
    const pieces = fast([1, 2, update.slice(0, 9)], [1, 3, update.slice(9, 20)], [1, 1, update.slice(20)]);
    for (const pdu of [...whole, pieces]) {
      const d = desktop();
      d.apply(pdu);
      expect([at(d, 3, 5), at(d, 6, 5), at(d, 4, 6), at(d, 7, 6)]).toEqual([0, 3, 0x100001, 0]);
      expect(d.changed()).toEqual([{ x: 3, y: 5, width: 4, height: 2 }]);
      expect(d.skipped.size).toBe(0);
    }
  });

  it('cuts a padded tile to its rectangle, and everything to the desktop', () => {
    const data = planarOf(4, 2, () => 0x00ff00);
    const d = desktop(64, 48);
    d.apply(slowBitmap(tile(data, { right: 1 }), tile(data, { x: 62, y: 47 }), tile(data, { x: 4000, y: 3 })));
    expect([at(d, 1, 0), at(d, 2, 0), at(d, 63, 47)]).toEqual([0x00ff00, 0, 0x00ff00]);
    expect(d.changed().length).toBe(2);
  });

  it('draws pixels that are not compressed, of 16, 24 and 32 bits', () => {
    const d = desktop();
    d.apply(slowBitmap(tile([0x1f, 0, 0, 0, 0x00, 0xf8, 0, 0], { width: 1, bpp: 16, flags: 0 })));
    expect([at(d, 0, 0), at(d, 0, 1)]).toEqual([0xff0000, 0x0000ff]);
    d.apply(slowBitmap(tile([3, 2, 1, 0, 6, 5, 4, 0], { width: 1, bpp: 24, flags: 0 })));
    expect([at(d, 0, 0), at(d, 0, 1)]).toEqual([0x040506, 0x010203]);
    d.apply(slowBitmap(tile([3, 2, 1, 9, 6, 5, 4, 9], { width: 1, bpp: 32, flags: 0 })));
    expect([at(d, 0, 0), at(d, 0, 1)]).toEqual([0x040506, 0x010203]);
  });

  it('passes over the header of a compressed bitmap where there is one', () => {
    const d = desktop();
    d.apply(slowBitmap(tile([0, 0, 9, 0, 4, 0, 8, 0, ...planarOf(4, 2, () => 0xabcdef)], { flags: 1 })));
    expect(at(d, 2, 1)).toBe(0xabcdef);
  });

  it('keeps pointers: system, colour, new, cached', () => {
    const d = desktop();
    const pointer = (message: number, body: number[]) => indication(shareData(0x1b, [...u16(message), 0, 0, ...body]));
    d.apply(pointer(1, u32(0)));
    expect(d.pointer).toBe('hidden');
    d.apply(pointer(1, u32(0x7f00)));
    expect(d.pointer).toBe('default');
    const shape = (slot: number) => [...u16(slot), ...u16(1), ...u16(0), ...u16(2), ...u16(1), ...u16(2)];
    d.apply(pointer(6, [...shape(3), ...u16(6), 0, 0, 255, 0, 255, 0, 0x40, 0]));
    const colour = d.pointer;
    expect(colour).toEqual({ width: 2, height: 1, hotX: 1, hotY: 0, pixels: Uint32Array.of(0xff0000ff, 0xffffffff) });
    d.apply(fast([11, 0, [...u16(32), ...shape(4), ...u16(8), 1, 2, 3, 0x80, 0, 0, 0, 0, 0x40, 0]]));
    expect(d.pointer).toMatchObject({ pixels: Uint32Array.of(0x80010203, 0) });
    d.apply(fast([10, 0, u16(3)]));
    expect(d.pointer).toBe(colour);
  });

  it('counts what it does not draw, and keeps the picture', () => {
    const d = desktop();
    d.apply(slowBitmap(tile(planarOf(4, 2, () => 0x123456))));
    d.apply(indication([1, 2, 3], 1100));
    d.apply(indication(shareData(2, [0, 0, 1])));
    d.apply(indication(shareData(2, [1, 0, 1], 0x21)));
    d.apply(indication(shareData(0x26, [])));
    d.apply(fast([4, 0, [1, 2]], [0, 0, []], [2, 0, []]));
    expect([...d.skipped.keys()]).toEqual([
      'channel data',
      'slow-path update 0',
      'compressed data',
      'data 38',
      'update 4',
      'update 0',
      'update 2',
    ]);
    expect(at(d, 0, 0)).toBe(0x123456);
  });
});

describe('hostile octets', () => {
  it('sizes that no desktop has are not taken', () => {
    const d = desktop();
    for (const [w, h] of [
      [0, 5],
      [65535, 65535],
      [8192, 8192],
      [9000, 2],
    ] as const)
      d.size(w, h);
    expect([d.width, d.height]).toEqual([64, 48]);
    expect(d.skipped.get('size')).toBe(4);
  });

  it('a bomb of rectangles stops at the bound of one PDU', () => {
    const bomb = Array.from({ length: 50 }, () =>
      tile([0xf3, 0xff, 0xff, 1, 2, 0xf3, 0xff, 0xff, 1, 2], { width: 2000, height: 2000, bpp: 16 }),
    );
    const d = desktop();
    d.apply(slowBitmap(...bomb));
    expect(d.skipped.get('rectangle too large')).toBeGreaterThan(40);
  });

  it('a rectangle of more than a picture is not made room for', () => {
    const d = desktop();
    d.apply(slowBitmap(tile([0x30], { width: 65535, height: 65535 })));
    expect(d.skipped.get('rectangle too large')).toBe(1);
  });

  it('a run over the edge of its row, or of the data, is refused', () => {
    const into = new Uint32Array(8);
    for (const plane of [[0x0f], [0x50, 1, 2, 3, 4, 5], [0x40, 1], []]) {
      expect(() => planar(Uint8Array.from([0x30, ...plane]), 4, 2, into)).toThrow(Malformed);
    }
    expect(() => planar(Uint8Array.of(0x30, 0x0f, 0x0f, 0x0f), 4, 1, into)).toThrow(Malformed);
    expect(() => interleaved(Uint8Array.from([0x09]), 4, 2, 16, into)).toThrow(Malformed);
  });

  it('a cursor does not go back', () => {
    const octets = new Octets(Uint8Array.of(1, 2, 3));
    octets.skip(2);
    expect(() => octets.skip(-1)).toThrow(Malformed);
    expect(() => octets.part(-2)).toThrow(Malformed);
    expect(octets.left).toBe(1);
  });

  it('an update begun anew drops what was begun before', () => {
    const update = bitmapUpdate(tile(planarOf(4, 2, () => 0x00ff00)));
    const d = desktop();
    d.apply(fast([1, 2, [9, 9, 9]]));
    d.apply(fast([1, 2, update.slice(0, 9)], [1, 1, update.slice(9)]));
    expect(at(d, 0, 0)).toBe(0x00ff00);
  });

  it('fragments without end are dropped', () => {
    const d = desktop();
    const piece = fast([1, 3, new Array(16000).fill(0)]);
    for (let i = 0; i < 1100; i++) d.apply(piece);
    expect(d.skipped.get('fragments without end')).toBe(1);
  });

  it('every cut and every change of every PDU is survived', () => {
    const good = [
      demandActive(64, 48),
      slowBitmap(tile(planarOf(4, 2, (x) => x * 999))),
      slowBitmap(
        tile([0xc2, 1, 2, 0x41, 0x81, 0xe2, 1, 2, 3, 4, 0xf9, 0x60, 0, 1, 1], { bpp: 16, width: 8, height: 4 }),
      ),
      fast([1, 0, bitmapUpdate(tile(planarOf(4, 2, () => 5, true)))], [10, 0, u16(3)]),
      fast([11, 0, [...u16(32), ...u16(4), 0, 0, 0, 0, 1, 0, 1, 0, 2, 0, 4, 0, 1, 2, 3, 4, 0, 0]]),
    ];
    const d = desktop();
    let seed = 7;
    const random = () => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed / 0x80000000;
    };
    for (const pdu of good) {
      for (let cut = 0; cut <= pdu.length; cut++) d.apply(pdu.slice(0, cut));
      for (let i = 0; i < 3000; i++) {
        const bad = pdu.slice();
        for (let n = random() * 4; n > 0; n--) bad[Math.floor(random() * bad.length)] = random() * 256;
        d.apply(bad);
      }
    }
    for (let i = 0; i < 3000; i++) {
      d.apply(
        Uint8Array.from({ length: Math.floor(random() * 80) }, (_, n) => (n === 0 && i % 2 ? 3 : random() * 256)),
      );
    }
    expect(d.skipped.size).toBeGreaterThan(3);
    expect(d.skipped.size).toBeLessThanOrEqual(65);
    expect(d.pixels.length).toBe(d.width * d.height);
  });
});
