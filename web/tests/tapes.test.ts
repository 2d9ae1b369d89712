import { describe, expect, it } from 'vitest';
import { runs } from '../src/lib/players/paint';
import { caption, count, keyframe, opening, type Rec, size, type Told } from '../src/lib/players/records';
import { Tapes } from '../src/lib/players/tapes';

const b64 = (text: string) => Buffer.from(text).toString('base64');
const sized = (columns: number, rows: number, rest = '') => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(columns, 0);
  head.writeUInt16BE(rows, 2);
  return Buffer.concat([head, Buffer.from(rest)]).toString('base64');
};
const open = (stream = 1, about: object = { kind: 'shell', columns: 80, rows: 24 }): Rec => ({
  kind: 's',
  stream,
  at_us: 0,
  value: about,
});
const output = (text: string, stream = 1): Rec => ({ kind: 'o', stream, at_us: 1, data: b64(text) });

async function shown(records: Rec[], stream = 1): Promise<{ rows: string[]; tapes: Tapes; told: Told[] }> {
  const told: Told[] = [];
  const tapes = new Tapes(
    (t) => told.push(t),
    () => {},
  );
  for (const record of records) tapes.apply(record);
  await tapes.settled();
  const terminal = tapes.all.get(stream)?.terminal;
  const rows: string[] = [];
  if (terminal) {
    for (let y = 0; y < terminal.rows; y++)
      rows.push(
        runs(terminal, y, false)
          .map((r) => r.text)
          .join(''),
      );
  }
  return { rows, tapes, told };
}

describe('tapes', () => {
  it('echo what a stream showed', async () => {
    const { rows } = await shown([open(), output('\x1b[1mhello\x1b[0m\r\n'), output('žluťoučký 日本')]);
    expect(rows.slice(0, 2)).toEqual(['hello', 'žluťoučký 日本']);
  });

  it('join a character that was split between two records', async () => {
    const bytes = Buffer.from('é');
    const half = (i: number): Rec => ({
      kind: 'o',
      stream: 1,
      at_us: 1,
      data: bytes.subarray(i, i + 1).toString('base64'),
    });
    const { rows } = await shown([open(), half(0), half(1)]);
    expect(rows[0]).toBe('é');
  });

  it('begin at a keyframe without what went before, and pass over those on the way', async () => {
    const first: Rec = { kind: 'k', stream: 1, at_us: 5, data: sized(40, 10, '\x1b[2J\x1b[Hfrom keyframe') };
    const later: Rec = { kind: 'k', stream: 1, at_us: 9, data: sized(40, 10, '\x1b[2J\x1b[Hwrong') };
    const { rows, tapes } = await shown([first, output(' and on'), later]);
    expect(rows[0]).toBe('from keyframe and on');
    expect(tapes.all.get(1)?.terminal.cols).toBe(40);
  });

  it('resize in the order of the records', async () => {
    const resize: Rec = { kind: 'r', stream: 1, at_us: 2, data: sized(100, 30) };
    const { tapes, rows } = await shown([open(), output('x'.repeat(85)), resize, output('\r\n\x1b[30;100Hy')]);
    expect(tapes.all.get(1)?.terminal.cols).toBe(100);
    expect(rows[29]?.endsWith('y')).toBe(true);
  });

  it('keep streams apart and name them', async () => {
    const exec = open(2, { kind: 'exec', command: 'hostname' });
    const closed: Rec = { kind: 'c', stream: 2, at_us: 3, value: { status: 0 } };
    const { rows, tapes } = await shown([open(), output('one'), exec, output('two\nthree\n', 2), closed], 2);
    expect(rows.slice(0, 2)).toEqual(['two', 'three']);
    expect(tapes.all.get(2)?.label).toBe('2 exec: hostname');
    expect(tapes.all.get(2)?.closed).toBe('exit status 0');
    expect(tapes.latest).toBe(2);
  });

  it('tell decisions and notices in words', async () => {
    const { told } = await shown([
      { kind: 'd', stream: 0, at_us: 7, value: { event: 'paused', actor: 'lena', words: 'the line restarts' } },
      { kind: 'n', stream: 0, at_us: 8, value: { kind: 'countdown', words: 'Five minutes left.' } },
    ]);
    expect(told.map((t) => t.words)).toEqual(['paused by lena: the line restarts', 'Five minutes left.']);
  });

  it('survive anything at all', async () => {
    const kinds = 'mscoeiblrkdnx?';
    const junk: Rec[] = [];
    for (let i = 0; i < 2000; i++) {
      const noise = String.fromCharCode(...Array.from({ length: (i * 7) % 23 }, (_, j) => (i * 31 + j * 97) % 256));
      const value = [null, 'text', 4, [], { columns: 'x' }, { columns: 1e9, rows: -5 }, { words: 7 }][i % 7];
      junk.push({
        kind: kinds[i % kinds.length] ?? 'o',
        stream: i % 5,
        at_us: i,
        data: i % 11 ? btoa(noise) : null,
        value,
      });
    }
    const { tapes } = await shown(junk);
    for (const { terminal } of tapes.all.values()) {
      expect(terminal.cols).toBeLessThanOrEqual(500);
      expect(terminal.rows).toBeLessThanOrEqual(200);
    }
  });
});

describe('records', () => {
  it('read sizes, keyframes and counts big-endian', () => {
    expect(size({ kind: 'r', stream: 1, at_us: 0, data: sized(132, 43) })).toEqual({ columns: 132, rows: 43 });
    const frame = keyframe({ kind: 'k', stream: 1, at_us: 0, data: sized(80, 24, 'ab') });
    expect([frame.columns, frame.rows, [...frame.paint]]).toEqual([80, 24, [97, 98]]);
    expect(count({ kind: 'x', stream: 1, at_us: 0, data: btoa('\0\0\0\0\0\0\x01\x02') })).toBe(258);
  });

  it('read what is missing as nothing', () => {
    expect(opening({ kind: 's', stream: 1, at_us: 0 })).toEqual({ kind: 'channel', command: '', terminal: null });
    expect(caption({ kind: 'n', stream: 1, at_us: 0, value: null })).toBe('');
  });
});
