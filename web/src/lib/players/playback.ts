/**
 * When: which records are due at which moment of a replay. Knows no screen and reads no clock; time comes in.
 *
 * A recording is cut at its keyframes into segments, which are fetched one at a time. Within the stretch that is
 * loaded every record is handed out exactly once and in order; a seek starts over at the keyframe before.
 */

import { Kind, type Rec } from './records';

export interface Reel {
  duration_us: number;
  keyframes: readonly number[];
  /** Records in [from_us, to_us), with those back to the keyframe before `from_us`. */
  records(from_us: number, to_us: number): Promise<Rec[]>;
}

export interface Due {
  /** Forget the screens first: `records` begin at a keyframe. */
  reset: boolean;
  records: Rec[];
}

export const SPEEDS = [0.5, 1, 2, 4, 8, 16] as const;
const IDLE_US = 2_000_000; // a pause longer than this is skipped when asked to
const LEAD_US = 400_000; // of which this much is kept, so that the eye can follow
const SEGMENTS_KEPT = 12; // segments in memory
const OCTETS_KEPT = 64 << 20; // payload of the segments in memory, beside the one that is played and its neighbours
/** What a recorder writes by itself. */
const SILENT: readonly string[] = [Kind.KEYFRAME, Kind.META, Kind.DESKTOP, Kind.REPAINT, Kind.PICTURE];
const SEGMENT_LEAST_US = 1_000_000; // keyframes of several streams stand close together

export class Playback {
  readonly duration_us: number;
  position_us = 0;
  playing = false;
  speed = 1;
  skipIdle = false;
  /** Waiting for records to arrive. */
  waiting = false;
  failure: unknown = null;

  readonly #reel: Reel;
  readonly #starts: number[];
  readonly #loaded = new Map<number, Rec[]>();
  readonly #loading = new Set<number>();
  readonly #weights = new Map<number, number>(); // octets of the loaded segments
  #segment = 0;
  #next = 0; // index into the segment's records
  #reset = true;

  constructor(reel: Reel) {
    this.#reel = reel;
    this.duration_us = Math.max(reel.duration_us, 0);
    this.#starts = [0];
    for (const at of [...reel.keyframes].sort((a, b) => a - b)) {
      const last = this.#starts[this.#starts.length - 1] ?? 0;
      if (at - last >= SEGMENT_LEAST_US && at < this.duration_us) this.#starts.push(at);
    }
  }

  get ended(): boolean {
    return this.position_us >= this.duration_us;
  }

  play(): void {
    if (this.ended) this.seek(0);
    this.playing = true;
  }

  pause(): void {
    this.playing = false;
  }

  seek(to_us: number): void {
    this.position_us = Math.min(Math.max(to_us, 0), this.duration_us);
    this.#segment = this.#segmentAt(this.position_us);
    this.#next = 0;
    this.#reset = true;
    this.failure = null;
  }

  /** Moves on by `elapsed_ms` of real time and hands out what is due. */
  tick(elapsed_ms: number): Due {
    const due: Due = { reset: false, records: [] };
    let until = this.position_us;
    if (this.playing && !this.waiting) until += elapsed_ms * 1000 * this.speed;
    until = Math.min(until, this.duration_us);
    this.waiting = false;

    for (;;) {
      const records = this.#loaded.get(this.#segment);
      if (!records) {
        this.#load(this.#segment);
        this.waiting = true;
        // Nothing of this segment is known yet: time stands still at its beginning, or where a seek put it.
        if (!this.#reset) until = Math.min(until, Math.max(this.position_us, this.#starts[this.#segment] ?? 0));
        break;
      }
      if (this.#reset) {
        due.reset = true;
        this.#reset = false;
      }
      this.#next = this.#handOut(records, until, due.records);
      if (due.reset) this.#setOut(records, due.records);
      const end = this.#endOf(this.#segment);
      if (this.#next < records.length || until < end || this.#segment + 1 >= this.#starts.length) break;
      this.#enter(this.#segment + 1);
    }
    this.position_us = this.#skipped(until);
    if (this.ended && !this.waiting) this.playing = false;
    this.#readAhead();
    return due;
  }

  #segmentAt(at_us: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= at_us) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #endOf(segment: number): number {
    return this.#starts[segment + 1] ?? Number.POSITIVE_INFINITY;
  }

  /** Goes on into the following segment: what was before its start has been handed out already. */
  #enter(segment: number): void {
    this.#segment = segment;
    this.#next = 0;
    const start = this.#starts[segment] ?? 0;
    const records = this.#loaded.get(segment);
    if (records) while ((records[this.#next]?.at_us ?? start) < start) this.#next++;
  }

  #handOut(records: Rec[], until: number, into: Rec[]): number {
    let next = this.#next;
    const last = this.#endOf(this.#segment);
    for (let r = records[next]; r && r.at_us <= until; r = records[next]) {
      if (r.at_us < last) into.push(r);
      next++;
    }
    return next;
  }

  /** A seek into a silence: the keyframes that end it were written then, and show what stood there all the time. */
  #setOut(records: Rec[], into: Rec[]): void {
    for (let r = records[this.#next]; r?.kind === Kind.KEYFRAME; r = records[this.#next]) {
      into.push(r);
      this.#next++;
    }
  }

  #skipped(until: number): number {
    if (!this.skipIdle || !this.playing || this.waiting) return until;
    const records = this.#loaded.get(this.#segment) ?? [];
    let next = this.#next;
    while (records[next] && !shows(records[next] as Rec)) next++;
    const at = records[next]?.at_us ?? Math.min(this.#endOf(this.#segment), this.duration_us);
    return at - until > IDLE_US ? at - LEAD_US : until;
  }

  #readAhead(): void {
    const next = this.#segment + 1;
    if (this.playing && next < this.#starts.length && !this.#loaded.has(next)) this.#load(next);
  }

  #load(segment: number): void {
    if (this.#loading.has(segment) || this.failure !== null) return;
    this.#loading.add(segment);
    const end = this.#endOf(segment);
    const to = Number.isFinite(end) ? end : this.duration_us + 1;
    this.#reel.records(this.#starts[segment] ?? 0, to).then(
      (records) => {
        this.#loading.delete(segment);
        this.#loaded.delete(segment);
        this.#loaded.set(segment, records);
        this.#weights.set(segment, records.reduce(weighed, 0));
        this.#discard();
        if (segment === this.#segment && !this.#reset) this.#enter(segment);
      },
      (error: unknown) => {
        this.#loading.delete(segment);
        this.failure = error;
        this.playing = false;
      },
    );
  }

  /** Drops the oldest segments until what is kept is within bounds. */
  #discard(): void {
    let octets = [...this.#weights.values()].reduce((a, b) => a + b, 0);
    for (const old of this.#loaded.keys()) {
      if (this.#loaded.size <= SEGMENTS_KEPT && octets <= OCTETS_KEPT) break;
      if (Math.abs(old - this.#segment) <= 1) continue;
      octets -= this.#weights.get(old) ?? 0;
      this.#loaded.delete(old);
      this.#weights.delete(old);
    }
  }
}

function weighed(sum: number, record: Rec): number {
  return sum + (record.payload?.length ?? record.data?.length ?? 0);
}

/** Whether a record is something to look at, so that a silence ends with it. */
function shows(record: Rec): boolean {
  return !SILENT.includes(record.kind);
}
