import { describe, expect, it } from 'vitest';
import type { RecordingDetail } from '../src/lib/api/types';
import { Overheard } from '../src/lib/iron';
import { offlineReel, packed, unpacked } from '../src/lib/offline';
import { Desktops } from '../src/lib/players/desktops';
import { framed, type Rec, type Told, unframed } from '../src/lib/players/records';
import { Webm } from '../src/lib/webm';
import { demandActive, fast, slowBitmap, u16 } from './pdus';

const bytes = (...numbers: number[]) => Uint8Array.from(numbers);
const record = (kind: string, at_us: number, payload: Uint8Array = bytes(), stream = 1): Rec => ({
  kind,
  stream,
  at_us,
  payload,
});
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
function whole(since_us: number): Uint8Array {
  const payload = new Uint8Array(12);
  new DataView(payload.buffer).setBigUint64(0, BigInt(since_us));
  return payload;
}
const detail = (protocol: string, keyframes: number[]) =>
  ({ duration_us: 1000, keyframes: keyframes.map((at_us) => ({ at_us })), recording: { protocol } }) as RecordingDetail;

describe('records as octets', () => {
  it('come out as they went in', () => {
    const records = [
      record('p', 5, bytes(1, 2, 3)),
      record('u', 2 ** 40, bytes(), 65535),
      record('n', 7, json({ words: 'é' })),
    ];
    expect(unframed(framed(records))).toEqual(records);
  });

  it('that are cut off give what is whole', () => {
    const data = framed([record('p', 5, bytes(1, 2, 3)), record('p', 6, bytes(4, 5))]);
    for (let cut = 0; cut <= data.length; cut++) {
      expect(unframed(data.subarray(0, cut)).length).toBe(cut < 18 ? 0 : cut < data.length ? 1 : 2);
    }
  });

  it('are carried in a file without a letter that markup knows', async () => {
    const data = json({ words: '</script><!-- <script>' });
    const text = await packed(data);
    expect(text).toMatch(/^[A-Za-z0-9+/=]+$/);
    expect(await unpacked(text)).toEqual(data);
  });
});

describe('a recording in a file', () => {
  it('of a desktop is read from the request to repaint whose picture was whole', async () => {
    const all = [
      record('s', 0, json({ kind: 'desktop' })),
      record('w', 1, bytes(0, 9, 0, 9)),
      ...[record('q', 100), record('p', 110), record('f', 120, whole(100)), record('p', 200)],
      ...[record('q', 300), record('p', 310), record('f', 320, whole(300)), record('p', 400)],
    ];
    const reel = offlineReel(detail('rdp', [0, 120, 320]), all);
    const kinds = async (from: number, to: number) => (await reel.records(from, to)).map((r) => `${r.kind}${r.at_us}`);
    expect(await kinds(320, 1001)).toEqual(['s0', 'w1', 'q300', 'p310', 'f320', 'p400']);
    expect(await kinds(120, 320)).toEqual(['s0', 'w1', 'q100', 'p110', 'f120', 'p200', 'q300', 'p310']);
    expect(await kinds(0, 120)).toEqual(['s0', 'w1', 'q100', 'p110']);
  });

  it('of terminals is read from the keyframe before', async () => {
    const all = [record('s', 0), record('o', 1), record('k', 50), record('o', 60), record('c', 70), record('k', 90)];
    const reel = offlineReel(detail('ssh', [50, 90]), all);
    expect((await reel.records(50, 90)).map((r) => r.at_us)).toEqual([0, 50, 60, 70]);
    expect((await reel.records(90, 1001)).map((r) => r.at_us)).toEqual([90]);
  });
});

describe('what happens at a desktop', () => {
  function played(...records: Rec[]): { desktops: Desktops; told: Told[] } {
    const told: Told[] = [];
    const desktops = new Desktops((one) => told.push(one));
    for (const one of records) desktops.apply(one);
    return { desktops, told };
  }

  it('shows where the mouse is, whether it is pressed, and that keys came, not which', () => {
    const move = bytes(0x20, ...u16(0x0800), ...u16(12), ...u16(34));
    const press = bytes(0x00, 0x1e, 0x20, ...u16(0x9000), ...u16(13), ...u16(35));
    const { desktops } = played(record('u', 1, move), record('u', 2, press), record('h', 3), record('i', 4));
    expect(desktops.all.get(1)).toMatchObject({ mouse: { x: 13, y: 35, pressed: true }, keys: 2 });
    desktops.apply(record('u', 5, bytes(0xe0, 1, 2)));
    desktops.apply(record('u', 6, bytes(0x20, 1)));
    desktops.apply(record('u', 7, bytes(0x20, ...u16(0x1000), ...u16(13), ...u16(35))));
    expect(desktops.all.get(1)?.mouse).toEqual({ x: 13, y: 35, pressed: false });
  });

  it('tells what passed through the clipboard; to who watches, how much', () => {
    const { told } = played(
      record('t', 1, json({ direction: 'in', text: 'abc' })),
      record('t', 2, json({ direction: 'out', characters: 17 })),
      record('t', 3, bytes(0xff)),
    );
    expect(told.map((t) => t.words)).toEqual([
      'Copied to the target, 3 characters: abc',
      'Copied from the target, 17 characters',
      'Copied, 0 characters',
    ]);
  });
});

describe('the page of a desktop', () => {
  it('hears a Demand Active of another size, however the octets are cut', () => {
    const stream = [...fast([3, 0, []]), ...slowBitmap(), ...demandActive(1024, 768), ...fast([5, 0, []])];
    for (const step of [1, 7, stream.length]) {
      const heard = new Overheard();
      expect(heard.feed(Uint8Array.from(demandActive(5, 5)))).toBeNull(); // the first message is RDCleanPath's
      const sizes = [];
      for (let at = 0; at < stream.length; at += step)
        sizes.push(heard.feed(Uint8Array.from(stream.slice(at, at + step))));
      expect(sizes.filter(Boolean)).toEqual([{ width: 1024, height: 768 }]);
    }
  });

  it('survives anything that a gateway sends', () => {
    const heard = new Overheard();
    for (let i = 0; i < 500; i++)
      heard.feed(Uint8Array.from({ length: i % 50 }, (_, n) => (i * 31 + n * 97 + n * n) % 256));
  });
});

describe('a video', () => {
  it('is one track of clusters that begin at key pictures, with its length and its cues', async () => {
    const film = new Webm('V_VP9', 640, 400);
    for (let i = 0; i < 30; i++) film.add({ data: bytes(i), at_ms: i * 1000, key: i % 10 === 0 });
    const data = new Uint8Array(await film.finish(31_000).arrayBuffer());
    const hex = Buffer.from(data).toString('hex');
    expect(hex.startsWith('1a45dfa3')).toBe(true);
    expect(hex.split('1f43b675').length - 1).toBe(3);
    expect(hex.split('bb01').length - 1).toBe(3);
    const duration = hex.indexOf('448901') / 2;
    expect(new DataView(data.buffer, duration + 10, 8).getFloat64(0)).toBe(31_000);
    const segment = hex.indexOf('18538067') / 2;
    const size = Number(new DataView(data.buffer).getBigUint64(segment + 4) & 0xffffffffffffffn);
    expect(segment + 12 + size).toBe(data.length);
    for (let at = hex.indexOf('1f43b675'); at >= 0; at = hex.indexOf('1f43b675', at + 1)) {
      const place = (at / 2 - segment - 12).toString(16);
      const even = place.padStart(place.length + (place.length % 2), '0');
      expect(hex).toContain(`f101${(even.length / 2).toString(16).padStart(14, '0')}${even}`);
    }
  });
});
