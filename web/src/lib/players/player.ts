/**
 * What players of every protocol share: time, seeks, live watching, captions, and what they tell the page.
 *
 * A plain custom element: it fetches nothing itself and knows no framework. Events, all bubbling:
 * `player-change` (position, playing, waiting or failure changed) and `player-told` (detail: `Told`).
 */

import { Past } from './past';
import { Playback, type Reel } from './playback';
import type { Rec, Told } from './records';
import type { Stream, Streams } from './streams';

/** What a live watch sends: a snapshot (everything needed to paint now), then one record after the other. */
export type Feed = (sink: { snapshot(records: Rec[]): void; record(record: Rec): void }) => () => void;

export interface PlayerState {
  /** Shows the present of a running session. */
  live: boolean;
  /** The first moment that can be shown. */
  from_us: number;
  position_us: number;
  duration_us: number;
  playing: boolean;
  waiting: boolean;
  ended: boolean;
  failure: unknown;
}

const CAPTION_MS = 6000;
const REPORT_MS = 100; // between two `player-change` while time runs
const LEAP_MS = 250; // a hidden tab does not leap further when it comes back
const BEHIND_US = 1_000_000; // who has caught up with a running session to this is live again
const SLICE_MS = 14; // of one frame, for records to be applied in

export abstract class Player<S extends Stream = Stream> extends HTMLElement {
  protected abstract readonly streams: Streams<S>;
  /** The picture is not what was painted last. */
  protected dirty = false;
  protected readonly stage = make('div', 'stage');
  protected readonly tabs = make('div', 'tabs');
  readonly #caption = make('p', 'caption');
  #playback: Playback | null = null;
  #stop: (() => void) | null = null;
  #past: Past | null = null; // of the running session that is watched
  #speed = 1;
  #skipIdle = false;
  #backlog: Rec[] = [];
  #next = 0; // index into the backlog
  #landing = false; // a seek is being applied: the old picture stays until the new one is whole
  #sought = false; // a seek was asked for, and nothing of it has come yet
  #quiet = false; // records of a seek are not news
  #frame = 0;
  #lastTick = 0;
  #lastReport = 0;
  #unsaid = false; // a report waits for its time
  #captionUntil = 0;
  #tabKey = '';
  #chosen = 0; // stream the viewer pinned; 0 follows the latest

  /** Records of another moment follow. What is on the screen may stay until `show`. */
  protected abstract forget(live: boolean): void;
  /** Paints what has been applied. */
  protected abstract show(now: number): void;
  /** The elements are in the page; called once. */
  protected abstract build(): void;
  /** A seek has arrived. */
  protected landed(): void {}
  /** Whether records that were applied are still being worked on. */
  protected get working(): boolean {
    return false;
  }
  /** Whether so much is being worked on that time should wait. */
  protected get overloaded(): boolean {
    return false;
  }

  connectedCallback(): void {
    if (!this.stage.parentElement) {
      this.tabs.setAttribute('role', 'group');
      this.tabs.setAttribute('aria-label', 'Channels');
      this.tabs.hidden = true;
      this.stage.setAttribute('role', 'img');
      this.#caption.setAttribute('role', 'status');
      this.#caption.hidden = true;
      this.append(this.tabs, this.stage, this.#caption);
      this.build();
    }
    this.#lastTick = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#tick(now));
  }

  disconnectedCallback(): void {
    cancelAnimationFrame(this.#frame);
    this.#leave();
  }

  replay(reel: Reel): void {
    this.#leave();
    this.#playback = this.#playbackOf(reel);
    this.report(true);
  }

  /** Shows a session as it happens. With `past` what has come is kept, so that the viewer can go `back`. */
  watch(feed: Feed, past = false): void {
    this.#leave();
    this.#past = past ? new Past() : null;
    this.#stop = feed({
      snapshot: (records) => {
        this.#past?.snapshot(records);
        this.#playback = null; // of what is before a gap nothing leads to the present
        this.#present(records, true);
      },
      record: (record) => {
        this.#past?.add(record);
        if (this.#past) this.report(false);
        if (this.#playback) return;
        // Applied as it comes and painted when there is time: a slow page leaves pictures out, never records.
        this.streams.apply(record);
        this.dirty = true;
      },
    });
  }

  /** To an earlier moment of the session that is watched; it goes on meanwhile. */
  back(to_us: number): void {
    if (!this.#past) return;
    const playing = this.#playback?.playing ?? false;
    this.#playback = this.#playbackOf(this.#past.reel());
    if (playing) this.#playback.play();
    this.seek(Math.max(to_us, this.#past.from_us));
  }

  /** To the present of the session that is watched. */
  live(): void {
    if (!this.#past || !this.#playback) return;
    this.#playback = null;
    this.#present(this.#past.present(), false);
  }

  #present(records: readonly Rec[], live: boolean): void {
    this.#backlog = [];
    this.#landing = this.#sought = false;
    this.forget(live);
    this.#quiet = true;
    for (const record of records) this.streams.apply(record);
    this.#quiet = false;
    if (!live) this.landed();
    this.dirty = true;
    this.report(true);
  }

  #playbackOf(reel: Reel): Playback {
    const playback = new Playback(reel);
    playback.speed = this.#speed;
    playback.skipIdle = this.#skipIdle;
    return playback;
  }

  /** Shows where `words` stand on the screen, where a screen has words; none for nowhere. */
  mark(_words: string): void {}

  play(): void {
    this.#playback?.play();
    this.report(true);
  }

  pause(): void {
    this.#playback?.pause();
    this.report(true);
  }

  seek(to_us: number): void {
    if (!this.#playback) return;
    this.#playback.seek(to_us);
    this.#backlog = [];
    this.#sought = this.#landing = true;
    this.report(true);
  }

  set speed(times: number) {
    this.#speed = times;
    if (this.#playback) this.#playback.speed = times;
  }

  set skipIdle(skip: boolean) {
    this.#skipIdle = skip;
    if (this.#playback) this.#playback.skipIdle = skip;
  }

  get state(): PlayerState {
    const p = this.#playback;
    const past = this.#past;
    return {
      live: past !== null && p === null,
      from_us: past?.from_us ?? 0,
      position_us: p?.position_us ?? past?.until_us ?? 0,
      duration_us: past?.until_us ?? p?.duration_us ?? 0,
      playing: p?.playing ?? false,
      waiting: (p?.waiting ?? false) || this.#landing,
      ended: p?.ended ?? false,
      failure: p?.failure ?? null,
    };
  }

  /** What the records say in words. */
  protected tell(told: Told): void {
    if (this.#quiet) return;
    this.dispatchEvent(new CustomEvent<Told>('player-told', { detail: told, bubbles: true }));
    if (told.kind === 'decision') return; // it is followed by the notice that the person got
    this.#caption.textContent = told.words;
    this.#caption.hidden = false;
    this.#captionUntil = performance.now() + CAPTION_MS;
  }

  protected report(now: boolean): void {
    const at = performance.now();
    this.#unsaid = !now && at - this.#lastReport < REPORT_MS;
    if (this.#unsaid) return;
    this.#lastReport = at;
    this.dispatchEvent(new CustomEvent('player-change', { bubbles: true }));
  }

  protected get shown(): S | undefined {
    const one = this.streams.all.get(this.#chosen) ?? this.streams.all.get(this.streams.latest);
    return one?.shows ? one : undefined;
  }

  /** A button for each channel, when there are several. */
  protected listChannels(): void {
    const shown = this.shown;
    const seen = [...this.streams.all.values()].filter((one) => one.shows);
    this.classList.toggle('bare', seen.length === 0 && !this.state.waiting);
    const channels = seen.map((one) => ({
      stream: one.stream,
      label: one.closed ? `${one.label} (${one.closed})` : one.label,
      pressed: String(one === shown),
    }));
    const key = JSON.stringify(channels);
    if (key === this.#tabKey) return;
    this.#tabKey = key;
    this.tabs.hidden = channels.length < 2;
    this.tabs.replaceChildren(
      ...channels.map(({ stream, label, pressed }) => {
        const button = make('button', 'tab');
        button.setAttribute('type', 'button');
        button.setAttribute('aria-pressed', pressed);
        button.textContent = label;
        button.addEventListener('click', () => {
          this.#chosen = stream;
          this.dirty = true;
        });
        return button;
      }),
    );
  }

  #leave(): void {
    this.#stop?.();
    this.#stop = null;
    this.#past = null;
    this.#playback = null;
    this.#backlog = [];
    this.#landing = this.#sought = false;
    this.forget(false);
    this.dirty = true;
  }

  #tick(now: number): void {
    this.#frame = requestAnimationFrame((next) => this.#tick(next));
    const elapsed = Math.min(now - this.#lastTick, LEAP_MS);
    this.#lastTick = now;
    const playback = this.#playback;
    const ready = this.#backlog.length === 0 && !this.overloaded;
    if (playback && ready && (!this.#landing || this.#sought)) this.#advance(playback, elapsed);
    this.#work();
    if (this.#landing && !this.#sought && this.#backlog.length === 0 && !this.working) {
      this.#landing = false;
      this.dirty = true;
      this.landed();
      this.report(true);
    }
    if (this.dirty && !this.#landing) this.show(now);
    if (this.#unsaid) this.report(false);
    if (!this.#caption.hidden && now > this.#captionUntil) this.#caption.hidden = true;
  }

  #advance(playback: Playback, elapsed: number): void {
    const before = playback.position_us;
    const wasPlaying = playback.playing;
    const due = playback.tick(elapsed);
    this.#backlog = due.records;
    this.#next = 0;
    if (due.reset) {
      this.forget(false);
      this.#landing = true;
      this.#sought = false;
      this.#caption.hidden = true;
    }
    if (before !== playback.position_us || wasPlaying !== playback.playing || playback.failure) {
      this.report(wasPlaying !== playback.playing);
    }
    if (this.#past && wasPlaying && playback.ended && !playback.failure) this.#caughtUp(this.#past, playback);
  }

  /** What was known when the viewer went back has been played: on with what has come since, or into the present. */
  #caughtUp(past: Past, playback: Playback): void {
    const at = playback.position_us;
    if (past.until_us - at < BEHIND_US) {
      this.live();
      return;
    }
    this.back(at);
    this.play();
  }

  /** Applies what is due, a slice in each frame, so that a long way to a seek does not freeze the page. */
  #work(): void {
    if (this.#backlog.length === 0) return;
    const until = performance.now() + SLICE_MS;
    this.#quiet = this.#landing;
    for (let record = this.#backlog[this.#next]; record; record = this.#backlog[this.#next]) {
      this.streams.apply(record);
      this.#next++;
      if (performance.now() > until) break;
    }
    this.#quiet = false;
    if (this.#next >= this.#backlog.length) this.#backlog = [];
    this.dirty = true;
  }
}

export function make(tag: string, name: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}
