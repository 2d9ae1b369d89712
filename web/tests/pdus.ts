/** PDUs as a gateway sends them to a client, made by hand for the tests of the decoder. */

export type Bytes = number[];

export const u16 = (n: number): Bytes => [n & 0xff, (n >> 8) & 0xff];
export const u16be = (n: number): Bytes => [(n >> 8) & 0xff, n & 0xff];
export const u32 = (n: number): Bytes => [...u16(n & 0xffff), ...u16(n >>> 16)];

/** TPKT, X.224 Data, MCS Send Data Indication around `data`. */
export function indication(data: Bytes, channel = 1003): Uint8Array {
  const mcs = [0x68, ...u16be(49), ...u16be(channel), 0x70, 0x80 | (data.length >> 8), data.length & 0xff];
  const whole = [3, 0, 0, 0, 2, 0xf0, 0x80, ...mcs, ...data];
  whole.splice(2, 2, ...u16be(whole.length));
  return Uint8Array.from(whole);
}

export function control(type: number, body: Bytes): Bytes {
  return [...u16(body.length + 6), ...u16(0x10 | type), ...u16(1002), ...body];
}

export function shareData(type2: number, body: Bytes, compression = 0): Bytes {
  return control(7, [...u32(0x00aa03ea), 0, 1, ...u16(body.length + 18), type2, compression, ...u16(0), ...body]);
}

export function demandActive(width: number, height: number): Uint8Array {
  const share = [1, 0, 8, 0, 1, 2, 3, 4];
  const bitmap = [...u16(2), ...u16(28), ...u16(32), ...u16(1), ...u16(1), ...u16(1), ...u16(width), ...u16(height)];
  const sets = [...share, ...bitmap, ...new Array(28 - 16).fill(0)];
  const source = [0x52, 0x44, 0x50, 0];
  return indication(
    control(1, [...u32(1), ...u16(4), ...u16(sets.length + 4), ...source, ...u16(2), 0, 0, ...sets, ...u32(0)]),
  );
}

export interface Tile {
  x: number;
  y: number;
  width: number;
  height: number;
  bpp: number;
  flags: number;
  data: Bytes;
  right?: number;
  bottom?: number;
}

/** TS_UPDATE_BITMAP_DATA with its type. */
export function bitmapUpdate(...tiles: Tile[]): Bytes {
  const body = tiles.flatMap((t) => [
    ...u16(t.x),
    ...u16(t.y),
    ...u16(t.right ?? t.x + t.width - 1),
    ...u16(t.bottom ?? t.y + t.height - 1),
    ...u16(t.width),
    ...u16(t.height),
    ...u16(t.bpp),
    ...u16(t.flags),
    ...u16(t.data.length),
    ...t.data,
  ]);
  return [...u16(1), ...u16(tiles.length), ...body];
}

export const slowBitmap = (...tiles: Tile[]) => indication(shareData(2, bitmapUpdate(...tiles)));

/** A fast-path PDU of whole updates or fragments: code, place (0 whole, 1 last, 2 first, 3 next), octets. */
export function fast(...updates: [code: number, place: number, body: Bytes][]): Uint8Array {
  const body = updates.flatMap(([code, place, data]) => [code | (place << 4), ...u16(data.length), ...data]);
  const length = body.length + 3;
  return Uint8Array.from([0, 0x80 | (length >> 8), length & 0xff, ...body]);
}

type Pixel = (x: number, y: number) => number; // 0xrrggbb

/** An RDP 6 bitmap stream, run-length encoded; with a plane of alpha or without. */
export function planarOf(width: number, height: number, pixel: Pixel, alpha = false): Bytes {
  const plane = (shift: number) => encoded(width, height, (x, y) => (pixel(x, y) >> shift) & 0xff);
  const colours = [...plane(16), ...plane(8), ...plane(0)];
  return alpha ? [0x10, ...encoded(width, height, () => 255), ...colours] : [0x30, ...colours];
}

function encoded(width: number, height: number, value: (x: number, y: number) => number): Bytes {
  const out: Bytes = [];
  for (let row = 0; row < height; row++) {
    const y = height - 1 - row;
    const line = Array.from({ length: width }, (_, x) => {
      if (row === 0) return value(x, y);
      const by = ((value(x, y) - value(x, y + 1) + 128) & 255) - 128;
      return by < 0 ? -by * 2 - 1 : by * 2;
    });
    out.push(...segments(line));
  }
  return out;
}

function segments(line: Bytes): Bytes {
  const out: Bytes = [];
  let raw: Bytes = [];
  let last = 0;
  for (let x = 0; x < line.length; ) {
    let run = 0;
    while (x + run < line.length && line[x + run] === last && run < 15) run++;
    if (run >= 3) {
      out.push((raw.length << 4) | run, ...raw);
      raw = [];
      x += run;
      continue;
    }
    last = line[x++] as number;
    raw.push(last);
    if (raw.length === 15) {
      out.push(0xf0, ...raw);
      raw = [];
    }
  }
  if (raw.length > 0) out.push(raw.length << 4, ...raw);
  return out;
}
