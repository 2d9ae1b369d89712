/**
 * <terminal-player>: a session's terminals, replayed (`replay(reel)`) or watched live (`watch(feed)`).
 *
 * A plain custom element: it fetches nothing itself and knows no framework. Events, all bubbling:
 * `player-change` (position, playing, waiting or failure changed) and `player-told` (detail: a notice or decision).
 */

import { Painter } from './paint';
import { Playback, type Reel } from './playback';
import type { Rec } from './records';
import { type Tape, Tapes, type Told } from './tapes';

/** What a live watch sends: a snapshot (everything needed to paint now), then one record after the other. */
export type Feed = (sink: { snapshot(records: Rec[]): void; record(record: Rec): void }) => () => void;

export interface PlayerState {
  position_us: number;
  duration_us: number;
  playing: boolean;
  waiting: boolean;
  ended: boolean;
  failure: unknown;
}

const CAPTION_MS = 6000;
const REPORT_MS = 100; // between two `player-change` while time runs
const PENDING_MOST = 4 << 20; // octets the emulator may lag behind before time waits for it
const LARGEST_PX = 16;
const SMALLEST_PX = 5;
const PROBE = 'MMMMMMMMMMMMMMMMMMMM';

export class TerminalPlayer extends HTMLElement {
  #tapes = new Tapes(
    (told) => this.#tell(told),
    () => (this.#dirty = true),
  );
  #playback: Playback | null = null;
  #stop: (() => void) | null = null;
  #painters = new Map<number, { painter: Painter; screen: HTMLElement }>();
  #chosen = 0; // stream the viewer pinned; 0 follows the latest
  #dirty = false;
  #busy = false; // a seek is being parsed
  #frame = 0;
  #lastTick = 0;
  #lastReport = 0;
  #quiet = false; // records of a seek are not news
  #captionUntil = 0;
  #tabKey = '';

  readonly #tabs = make('div', 'tabs');
  readonly #stage = make('div', 'stage');
  readonly #caption = make('p', 'caption');
  readonly #probe = make('span', 'probe');
  readonly #resize = new ResizeObserver(() => this.#fit());
  #fitted = 0; // columns that the size of the type was chosen for

  connectedCallback(): void {
    if (!this.#stage.parentElement) {
      this.#tabs.setAttribute('role', 'group');
      this.#tabs.setAttribute('aria-label', 'Channels');
      this.#stage.setAttribute('role', 'img');
      this.#stage.setAttribute('aria-label', 'Terminal');
      this.#caption.setAttribute('role', 'status');
      this.#probe.textContent = PROBE;
      this.#probe.setAttribute('aria-hidden', 'true');
      this.#caption.hidden = true;
      this.append(this.#tabs, this.#stage, this.#probe, this.#caption);
    }
    this.#resize.observe(this);
    this.#lastTick = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#tick(now));
  }

  disconnectedCallback(): void {
    cancelAnimationFrame(this.#frame);
    this.#resize.disconnect();
    this.#stop?.();
    this.#stop = null;
    this.#clear();
  }

  replay(reel: Reel): void {
    this.#leave();
    this.#playback = new Playback(reel);
    this.#report(true);
  }

  watch(feed: Feed): void {
    this.#leave();
    this.#stop = feed({
      snapshot: (records) => {
        this.#clear();
        this.#quiet = true;
        for (const record of records) this.#tapes.apply(record);
        this.#quiet = false;
        this.#dirty = true;
      },
      record: (record) => {
        this.#tapes.apply(record);
        this.#dirty = true;
      },
    });
  }

  play(): void {
    this.#playback?.play();
    this.#report(true);
  }

  pause(): void {
    this.#playback?.pause();
    this.#report(true);
  }

  seek(to_us: number): void {
    this.#playback?.seek(to_us);
    this.#report(true);
  }

  set speed(times: number) {
    if (this.#playback) this.#playback.speed = times;
  }

  set skipIdle(skip: boolean) {
    if (this.#playback) this.#playback.skipIdle = skip;
  }

  get state(): PlayerState {
    const p = this.#playback;
    return {
      position_us: p?.position_us ?? 0,
      duration_us: p?.duration_us ?? 0,
      playing: p?.playing ?? false,
      waiting: (p?.waiting ?? false) || this.#busy,
      ended: p?.ended ?? false,
      failure: p?.failure ?? null,
    };
  }

  #leave(): void {
    this.#stop?.();
    this.#stop = null;
    this.#playback = null;
    this.#chosen = 0;
    this.#clear();
  }

  #clear(): void {
    this.#tapes.clear();
    this.#painters.clear();
    this.#stage.replaceChildren();
    this.#dirty = true;
  }

  #tick(now: number): void {
    this.#frame = requestAnimationFrame((next) => this.#tick(next));
    const elapsed = Math.min(now - this.#lastTick, 250); // a hidden tab does not leap when it comes back
    this.#lastTick = now;
    if (this.#playback && !this.#busy && this.#tapes.pending < PENDING_MOST) this.#advance(this.#playback, elapsed);
    if (this.#dirty && !this.#busy) this.#show();
    if (!this.#caption.hidden && now > this.#captionUntil) this.#caption.hidden = true;
  }

  #advance(playback: Playback, elapsed: number): void {
    const before = playback.position_us;
    const wasPlaying = playback.playing;
    const due = playback.tick(elapsed);
    if (due.reset) this.#tapes.clear();
    this.#quiet = due.reset;
    for (const record of due.records) this.#tapes.apply(record);
    this.#quiet = false;
    if (due.reset) {
      this.#caption.hidden = true;
      // The old picture stays until the new one is complete, so that a seek does not flicker.
      this.#busy = true;
      this.#tapes.settled().then(() => {
        this.#busy = false;
        this.#painters.clear();
        this.#stage.replaceChildren();
        this.#dirty = true;
        this.#report(true);
      });
    } else if (due.records.length > 0) {
      this.#dirty = true;
    }
    if (before !== playback.position_us || wasPlaying !== playback.playing || playback.failure) {
      this.#report(wasPlaying !== playback.playing);
    }
  }

  #shown(): Tape | undefined {
    return this.#tapes.all.get(this.#chosen) ?? this.#tapes.all.get(this.#tapes.latest);
  }

  #show(): void {
    this.#dirty = false;
    this.#listChannels();
    const tape = this.#shown();
    if (!tape) return;
    let held = this.#painters.get(tape.stream);
    if (!held) {
      const screen = make('div', 'screen');
      held = { painter: new Painter(screen), screen };
      this.#painters.set(tape.stream, held);
    }
    if (this.#stage.firstElementChild !== held.screen) this.#stage.replaceChildren(held.screen);
    held.painter.paint(tape.terminal, tape.pty && tape.closed === null);
    if (tape.terminal.cols !== this.#fitted) this.#fit();
  }

  #listChannels(): void {
    const shown = this.#shown();
    const tapes = [...this.#tapes.all.values()];
    const key = tapes.map((t) => `${t.label}|${t.closed}|${t === shown}`).join('\n');
    if (key === this.#tabKey) return;
    this.#tabKey = key;
    this.#tabs.hidden = tapes.length < 2;
    this.#tabs.replaceChildren(
      ...tapes.map((tape) => {
        const button = make('button', 'tab');
        button.setAttribute('type', 'button');
        button.setAttribute('aria-pressed', String(tape === shown));
        button.textContent = tape.closed ? `${tape.label} (${tape.closed})` : tape.label;
        button.addEventListener('click', () => {
          this.#chosen = tape.stream;
          this.#dirty = true;
        });
        return button;
      }),
    );
  }

  /** Makes the terminal as large as its place allows. */
  #fit(): void {
    const tape = this.#shown();
    if (!tape || this.clientWidth === 0) return;
    const size = Number.parseFloat(getComputedStyle(this.#probe).fontSize);
    const perPx = this.#probe.getBoundingClientRect().width / PROBE.length / size;
    if (!perPx) return;
    this.#fitted = tape.terminal.cols;
    const room = this.#stage.clientWidth - 24; // padding of 12 px on either side
    const fits = Math.floor((room / tape.terminal.cols / perPx) * 10) / 10;
    this.style.setProperty('--cell', `${Math.min(Math.max(fits, SMALLEST_PX), LARGEST_PX)}px`);
  }

  #tell(told: Told): void {
    if (this.#quiet) return;
    this.dispatchEvent(new CustomEvent<Told>('player-told', { detail: told, bubbles: true }));
    if (told.kind !== 'notice') return; // a decision is followed by the notice that the person got
    this.#caption.textContent = told.words;
    this.#caption.hidden = false;
    this.#captionUntil = performance.now() + CAPTION_MS;
  }

  #report(now: boolean): void {
    const at = performance.now();
    if (!now && at - this.#lastReport < REPORT_MS) return;
    this.#lastReport = at;
    this.dispatchEvent(new CustomEvent('player-change', { bubbles: true }));
  }
}

function make(tag: string, name: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

if (!customElements.get('terminal-player')) customElements.define('terminal-player', TerminalPlayer);
