/** <terminal-player>: a session's terminals, replayed (`replay(reel)`) or watched live (`watch(feed)`). */

import { found, Painter } from './paint';
import { make, Player } from './player';
import { type Tape, Tapes } from './tapes';

const PENDING_MOST = 4 << 20; // octets the emulator may lag behind before time waits for it
const LARGEST_PX = 16;
const SMALLEST_PX = 3;
const FOUND = 'found'; // name of the highlight, for the style sheet
const PROBE = 'MMMMMMMMMMMMMMMMMMMM';

export class TerminalPlayer extends Player<Tape> {
  protected override readonly streams = new Tapes(
    (told) => this.tell(told),
    () => {
      this.dirty = true;
    },
  );
  #painters = new Map<number, { painter: Painter; screen: HTMLElement }>();
  #words = ''; // looked for, in lower case
  #fitted = 0; // columns that the size of the type was chosen for
  readonly #probe = make('span', 'probe');
  readonly #resize = new ResizeObserver(() => this.#fit());

  protected override build(): void {
    this.stage.setAttribute('aria-label', 'Terminal');
    this.#probe.textContent = PROBE;
    this.#probe.setAttribute('aria-hidden', 'true');
    this.stage.after(this.#probe);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resize.observe(this);
  }

  override disconnectedCallback(): void {
    this.#resize.disconnect();
    super.disconnectedCallback();
    this.streams.clear();
    this.#renew();
  }

  override mark(words: string): void {
    this.#words = words.toLowerCase();
    this.dirty = true;
  }

  protected override forget(live: boolean): void {
    this.streams.clear();
    if (live) this.#renew();
  }

  protected override landed(): void {
    this.#renew();
  }

  protected override get working(): boolean {
    return this.streams.pending > 0;
  }

  protected override get overloaded(): boolean {
    return this.streams.pending >= PENDING_MOST;
  }

  protected override show(): void {
    this.dirty = false;
    const shown = this.shown;
    this.listChannels();
    if (!shown) return;
    let held = this.#painters.get(shown.stream);
    if (!held) {
      const screen = make('div', 'screen');
      held = { painter: new Painter(screen), screen };
      this.#painters.set(shown.stream, held);
    }
    if (this.stage.firstElementChild !== held.screen) this.stage.replaceChildren(held.screen);
    held.painter.paint(shown.terminal, shown.pty && shown.closed === null);
    if (this.#words || CSS.highlights?.has(FOUND)) this.#highlight(held.screen);
    if (shown.terminal.cols !== this.#fitted) this.#fit();
  }

  #highlight(screen: HTMLElement): void {
    if (!this.#words) CSS.highlights?.delete(FOUND);
    else CSS.highlights?.set(FOUND, new Highlight(...found(screen, this.#words)));
  }

  /** Other terminals than those that were painted. */
  #renew(): void {
    this.#painters.clear();
    this.stage.replaceChildren();
    this.dirty = true;
  }

  /** Makes the terminal as large as its place allows. */
  #fit(): void {
    const tape = this.shown;
    if (!tape || this.clientWidth === 0) return;
    const size = Number.parseFloat(getComputedStyle(this.#probe).fontSize);
    const perPx = this.#probe.getBoundingClientRect().width / PROBE.length / size;
    if (!perPx) return;
    this.#fitted = tape.terminal.cols;
    const style = getComputedStyle(this.stage);
    const room = this.stage.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
    const fits = Math.floor((room / tape.terminal.cols / perPx) * 10) / 10;
    this.style.setProperty('--cell', `${Math.min(Math.max(fits, SMALLEST_PX), LARGEST_PX)}px`);
  }
}

if (!customElements.get('terminal-player')) customElements.define('terminal-player', TerminalPlayer);
