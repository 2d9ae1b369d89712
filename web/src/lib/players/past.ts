/** What a viewer of a running session has got so far, as far as it fits: he can go back to it while the session goes on. */

import type { Reel } from './playback';
import { Kind, octets, type Rec } from './records';

const OCTETS_MOST = 24 << 20; // payload that is kept; older is dropped up to a place that can be begun at
const BESIDE = 100; // octets that a record costs beside its payload

/** A moment that can be shown, and the one from which records must be applied for it. */
interface Base {
  at_us: number;
  since_us: number;
}

export class Past {
  #all: Rec[] = [];
  #bases: Base[] = [];
  #octets = 0;

  /** A viewer that fell behind, or came back, has a gap before this: nothing leads across it. */
  snapshot(records: readonly Rec[]): void {
    this.#all = [];
    this.#bases = [];
    this.#octets = 0;
    for (const record of records) this.add(record);
    if (this.#bases.length === 0) this.#bases.push({ at_us: this.until_us, since_us: 0 });
  }

  add(record: Rec): void {
    this.#all.push(record);
    this.#octets += weight(record);
    const since_us = begins(record);
    const last = this.#bases[this.#bases.length - 1];
    if (since_us !== null && last?.at_us !== record.at_us) this.#bases.push({ at_us: record.at_us, since_us });
    while (this.#octets > OCTETS_MOST && this.#bases.length > 1) this.#drop();
  }

  /** The first moment that can be shown. */
  get from_us(): number {
    return this.#bases[0]?.at_us ?? 0;
  }

  get until_us(): number {
    return this.#all[this.#all.length - 1]?.at_us ?? 0;
  }

  /** As far as it is known now. */
  reel(): Reel {
    const all = [...this.#all];
    const bases = [...this.#bases];
    return {
      duration_us: this.until_us,
      keyframes: bases.map((b) => b.at_us),
      async records(from_us, to_us) {
        const since = (bases.findLast((b) => b.at_us <= from_us) ?? bases[0])?.since_us ?? 0;
        return [...stillOpen(all, since), ...all.filter((r) => r.at_us >= since && r.at_us < to_us)];
      },
    };
  }

  /** Everything that paints the present. */
  present(): Rec[] {
    const since = this.#bases[this.#bases.length - 1]?.since_us ?? 0;
    return [...stillOpen(this.#all, since), ...this.#all.filter((r) => r.at_us >= since)];
  }

  #drop(): void {
    this.#bases.shift();
    const since = this.#bases[0]?.since_us ?? 0;
    this.#all = [...stillOpen(this.#all, since), ...this.#all.filter((r) => r.at_us >= since)];
    this.#octets = this.#all.reduce((sum, r) => sum + weight(r), 0);
  }
}

/** From when on records must be applied for the picture that `record` completes; null of one that completes none. */
function begins(record: Rec): number | null {
  if (record.kind === Kind.KEYFRAME) return record.at_us;
  if (record.kind !== Kind.PICTURE) return null;
  const payload = octets(record);
  return payload.length < 8 ? null : Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0));
}

function weight(record: Rec): number {
  return BESIDE + (record.payload?.length ?? record.data?.length ?? 0);
}

/** OPEN records of the channels that are open at `at_us`, and the sizes of their desktops. */
export function stillOpen(all: readonly Rec[], at_us: number): Rec[] {
  const open = new Map<string, Rec>();
  for (const record of all) {
    if (record.at_us >= at_us) break;
    if (record.kind === Kind.OPEN || record.kind === Kind.DESKTOP) open.set(`${record.kind}${record.stream}`, record);
    if (record.kind === Kind.CLOSE) {
      open.delete(`${Kind.OPEN}${record.stream}`);
      open.delete(`${Kind.DESKTOP}${record.stream}`);
    }
  }
  return [...open.values()];
}
