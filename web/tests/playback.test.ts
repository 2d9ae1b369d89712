import { describe, expect, it } from 'vitest';
import { Playback, type Reel } from '../src/lib/players/playback';
import type { Rec } from '../src/lib/players/records';

const SECOND = 1_000_000;

function output(at_s: number): Rec {
  return { kind: 'o', stream: 1, at_us: at_s * SECOND, data: btoa(`at ${at_s}`) };
}

function keyframe(at_s: number): Rec {
  return { kind: 'k', stream: 1, at_us: at_s * SECOND, data: btoa('\0\x50\0\x18') };
}

/** A minute with output every second and a keyframe every ten; like the API it answers from the keyframe before. */
function minute(asked: [number, number][] = []): Reel {
  const all: Rec[] = [];
  for (let s = 0; s < 60; s++) {
    if (s % 10 === 0) all.push(keyframe(s));
    all.push(output(s));
  }
  return {
    duration_us: 60 * SECOND,
    keyframes: [0, 10, 20, 30, 40, 50].map((s) => s * SECOND),
    async records(from, to) {
      asked.push([from / SECOND, to / SECOND]);
      const start = all.findLast((r) => r.kind === 'k' && r.at_us <= from)?.at_us ?? 0;
      return all.filter((r) => r.at_us >= start && r.at_us < to);
    },
  };
}

const arrived = () => new Promise<void>((done) => setTimeout(done, 0));

async function moved(playback: Playback, seconds: number): Promise<{ resets: number; outputs: number[] }> {
  const outputs: number[] = [];
  let resets = 0;
  for (let left = seconds * 1000; left > 0; left -= 50) {
    let due = playback.tick(Math.min(left, 50));
    while (playback.waiting) {
      await arrived();
      if (due.reset) resets++;
      outputs.push(...due.records.filter((r) => r.kind === 'o').map((r) => r.at_us / SECOND));
      due = playback.tick(0);
    }
    if (due.reset) resets++;
    outputs.push(...due.records.filter((r) => r.kind === 'o').map((r) => r.at_us / SECOND));
  }
  return { resets, outputs };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe('playback', () => {
  it('shows in a silence what stood there all the time, though its keyframe was written at the end of it', async () => {
    const all = [output(1), keyframe(50), output(50)];
    const records = async (from: number, to: number) =>
      all.filter((r) => (from < 10 * SECOND || r.at_us >= 50 * SECOND) && r.at_us < to);
    const playback = new Playback({ duration_us: 60 * SECOND, keyframes: [10 * SECOND], records });
    playback.seek(30 * SECOND);
    playback.tick(0);
    await arrived();
    const due = playback.tick(0);
    expect([due.reset, due.records.map((r) => r.kind)]).toEqual([true, ['k']]);
    playback.play();
    expect((await moved(playback, 25)).outputs).toEqual([50]);
  });

  it('hands out every record once and in order, over the borders of segments', async () => {
    const playback = new Playback(minute());
    playback.play();
    const { resets, outputs } = await moved(playback, 61);
    expect(outputs).toEqual(range(0, 60));
    expect(resets).toBe(1);
    expect(playback.ended).toBe(true);
    expect(playback.playing).toBe(false);
  });

  it('stands still until the records it needs have arrived', async () => {
    const playback = new Playback(minute());
    playback.play();
    expect(playback.tick(5000).records).toEqual([]);
    expect(playback.waiting).toBe(true);
    playback.tick(5000);
    await arrived();
    playback.tick(16);
    expect(playback.position_us).toBeLessThan(SECOND * 6);
  });

  it('lands on the exact moment of a seek, with what the screen needs from the keyframe before', async () => {
    const playback = new Playback(minute());
    playback.seek(37.5 * SECOND);
    playback.tick(0);
    await arrived();
    const due = playback.tick(0);
    expect(due.reset).toBe(true);
    expect(due.records[0]?.kind).toBe('k');
    expect(due.records.filter((r) => r.kind === 'o').map((r) => r.at_us / SECOND)).toEqual(range(30, 38));
    expect(playback.position_us).toBe(37.5 * SECOND);
  });

  it('does not move while it is paused', async () => {
    const playback = new Playback(minute());
    await moved(playback, 3);
    expect(playback.position_us).toBe(0);
  });

  it('goes faster by the speed', async () => {
    const playback = new Playback(minute());
    playback.play();
    await moved(playback, 0.05);
    const from = playback.position_us;
    playback.speed = 16;
    await moved(playback, 1);
    expect((playback.position_us - from) / SECOND).toBeCloseTo(16, 1);
  });

  it('skips a silence and keeps a moment before what follows', async () => {
    const reel: Reel = {
      duration_us: 600 * SECOND,
      keyframes: [],
      records: async () => [output(0), output(1), output(500)],
    };
    const playback = new Playback(reel);
    playback.skipIdle = true;
    playback.play();
    const { outputs } = await moved(playback, 2);
    expect(outputs).toEqual([0, 1, 500]);
  });

  it('fetches a segment once, and the next one ahead', async () => {
    const asked: [number, number][] = [];
    const playback = new Playback(minute(asked));
    playback.play();
    await moved(playback, 5);
    expect(asked).toEqual([
      [0, 10],
      [10, 20],
    ]);
  });

  it('begins again after the end', async () => {
    const playback = new Playback(minute());
    playback.seek(60 * SECOND);
    playback.play();
    const { outputs } = await moved(playback, 2.02);
    expect(outputs).toEqual([0, 1, 2]);
  });

  it('stops and says so when records cannot be had, and tries again after a seek', async () => {
    let broken = true;
    const good = minute();
    const playback = new Playback({
      ...good,
      records: (from, to) => (broken ? Promise.reject(new Error('gone')) : good.records(from, to)),
    });
    playback.play();
    playback.tick(16);
    await arrived();
    playback.tick(16);
    expect(playback.playing).toBe(false);
    expect(playback.failure).toBeInstanceOf(Error);
    broken = false;
    playback.seek(5 * SECOND);
    playback.tick(0);
    await arrived();
    expect(playback.tick(0).records.length).toBeGreaterThan(0);
  });

  it('an empty recording has ended at once', () => {
    const playback = new Playback({ duration_us: 0, keyframes: [], records: async () => [] });
    playback.play();
    playback.tick(16);
    expect(playback.ended).toBe(true);
  });
});
