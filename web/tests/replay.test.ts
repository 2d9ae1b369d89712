import { render } from 'svelte/server';
import { describe, expect, it, vi } from 'vitest';
import type { RecordingDetail, Timeline } from '../src/lib/api/types';
import Replay from '../src/screens/Replay.svelte';

// Custom elements need a browser; what is asked of here is the markup around them.
vi.mock('../src/lib/players/desktop-player', () => ({}));
vi.mock('../src/lib/players/terminal-player', () => ({}));

/** The attributes of the slider over a recording of this length. */
function slider(duration_us: number): Record<string, string> {
  const detail = { duration_us, recording: { protocol: 'ssh' } } as RecordingDetail;
  const timeline: Timeline = { bucket_us: 1_000_000, activity: [], entries: [], files: [], forwards: [] };
  const reel = { duration_us, keyframes: [], records: () => Promise.resolve([]) };
  const { body } = render(Replay, { props: { reel, detail, timeline } });
  const element = /<input[^>]*aria-label="Position"[^>]*>/.exec(body)?.[0] ?? '';
  return Object.fromEntries([...element.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

describe('the slider of a replay', () => {
  it.each([1, 437, 2999, 61_234_567])('reaches the last record of a recording of %i microseconds', (duration_us) => {
    const { type, min, max, step } = slider(duration_us);
    expect({ type, min, max }).toEqual({ type: 'range', min: '0', max: String(duration_us) });
    // A browser takes a value to a whole number of steps from the least (HTML 4.10.5.1.13).
    expect(duration_us % Number(step)).toBe(0);
  });
});
