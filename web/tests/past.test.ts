import { describe, expect, it } from 'vitest';
import { Past } from '../src/lib/players/past';
import type { Rec } from '../src/lib/players/records';

const bytes = (...numbers: number[]) => Uint8Array.from(numbers);
const record = (kind: string, at_us: number, payload: Uint8Array = bytes(0, 80, 0, 24), stream = 1): Rec => ({
  kind,
  stream,
  at_us,
  payload,
});
const said = (records: readonly Rec[]) => records.map((r) => `${r.kind}${r.at_us}`);

function whole(since_us: number): Uint8Array {
  const payload = new Uint8Array(12);
  new DataView(payload.buffer).setBigUint64(0, BigInt(since_us));
  return payload;
}

describe('what has come of a running session', () => {
  it('is shown from the snapshot on, and from each keyframe after it', async () => {
    const past = new Past();
    past.snapshot([record('m', 0), record('s', 10), record('k', 500)]);
    for (const r of [record('o', 600), record('k', 900), record('o', 901), record('o', 950)]) past.add(r);
    expect([past.from_us, past.until_us]).toEqual([500, 950]);
    const reel = past.reel();
    expect([reel.duration_us, reel.keyframes]).toEqual([950, [500, 900]]);
    expect(said(await reel.records(700, 900))).toEqual(['s10', 'k500', 'o600']);
    expect(said(await reel.records(920, 951))).toEqual(['s10', 'k900', 'o901', 'o950']);
    expect(said(past.present())).toEqual(['s10', 'k900', 'o901', 'o950']);
  });

  it('of a desktop begins where everything was painted', async () => {
    const past = new Past();
    past.snapshot([record('s', 10), record('w', 20)]);
    for (const r of [record('q', 100), record('p', 110), record('f', 120, whole(100)), record('p', 200)]) past.add(r);
    expect(said(await past.reel().records(130, 999))).toEqual(['s10', 'w20', 'q100', 'p110', 'f120', 'p200']);
  });

  it('leads across no gap: a new snapshot forgets what was before', () => {
    const past = new Past();
    past.snapshot([record('k', 5)]);
    past.add(record('o', 6));
    past.snapshot([record('k', 900)]);
    expect([past.from_us, said(past.present())]).toEqual([900, ['k900']]);
  });

  it('is bounded: the oldest goes, up to a keyframe, and channels that are open stay known', () => {
    const past = new Past();
    past.snapshot([record('s', 1), record('k', 2)]);
    for (let at = 10; at < 400; at += 10) {
      past.add(record('k', at));
      past.add(record('o', at + 1, new Uint8Array(1 << 20)));
    }
    expect(past.from_us).toBeGreaterThan(100);
    expect(past.from_us).toBeLessThan(390);
    expect(said(past.present())).toEqual(['s1', 'k390', 'o391']);
  });
});
