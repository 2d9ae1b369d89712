/** <desktop-player>: a session's desktops, replayed (`replay(reel)`) or watched live (`watch(feed)`). */

import type { Desktop } from '../rdp/desktop';
import type { Pointer } from '../rdp/pointers';
import { Desktops, type Screen } from './desktops';
import type { Reel } from './playback';
import { make, Player } from './player';

const KEY_MS = 350; // how long a key press shows
const FIRST_US = 5_000_000; // a first picture later than this is not waited for
const TILE_MS = 250; // between two pictures of a tile
/** The pointer that a system draws by itself: an arrow, in units of pixels. */
const ARROW = 'M0.5 0.5v15.5l3.8-3.6 2.6 6 2.6-1.1-2.6-5.9h5.2z';
const ARROW_WIDTH = 13;
const ARROW_HEIGHT = 20;

export class DesktopPlayer extends Player<Screen> {
  protected override readonly streams = new Desktops((told) => this.tell(told));
  #painted: Desktop | null = null; // whose picture is on the canvas
  #image: ImageData | null = null;
  #pointer: Pointer | 'default' | 'hidden' | null = null; // what the cursor's canvas shows
  #keys = 0;
  #keysUntil = 0;
  #last = 0;
  #visible = true;
  readonly #canvas = document.createElement('canvas');
  readonly #cursor = document.createElement('canvas');
  readonly #typed = make('span', 'typed');
  readonly #frame = make('div', 'desktop');
  readonly #seen = new IntersectionObserver((entries) => {
    this.#visible = entries.at(-1)?.isIntersecting ?? true;
  });

  protected override build(): void {
    this.stage.setAttribute('aria-label', 'Desktop');
    this.#cursor.className = 'cursor';
    this.#cursor.hidden = true;
    this.#typed.textContent = 'keys';
    this.#typed.hidden = true;
    this.#frame.append(this.#canvas, this.#cursor);
    this.stage.append(this.#frame, this.#typed);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#seen.observe(this);
  }

  override disconnectedCallback(): void {
    this.#seen.disconnect();
    super.disconnectedCallback();
  }

  /** Begins where the first picture is whole: before that a target is still drawing it. */
  override replay(reel: Reel): void {
    super.replay(reel);
    const first = reel.keyframes.find((at) => at > 0);
    if (first !== undefined && first < FIRST_US) this.seek(first);
  }

  protected override forget(live: boolean): void {
    this.streams.forget(live);
  }

  protected override landed(): void {
    this.#keys = this.shown?.keys ?? 0;
  }

  protected override show(now: number): void {
    if (!this.#visible || (this.classList.contains('tile') && now - this.#last < TILE_MS)) return; // stays dirty
    this.#last = now;
    this.dirty = false;
    const shown = this.shown;
    this.listChannels();
    if (!shown || shown.desktop.width === 0) return;
    this.#paint(shown.desktop);
    this.#point(shown);
    this.#mark(shown, now);
  }

  #paint(desktop: Desktop): void {
    const { width, height } = desktop;
    let rects = desktop.changed();
    if (this.#painted !== desktop || this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#painted = desktop;
      this.#canvas.width = width;
      this.#canvas.height = height;
      this.#frame.style.setProperty('--wide', `${width}px`);
      rects = [{ x: 0, y: 0, width, height }];
    }
    if (this.#image?.data.buffer !== desktop.pixels.buffer) {
      const octets = new Uint8ClampedArray(desktop.pixels.buffer as ArrayBuffer);
      this.#image = new ImageData(octets, width, height);
    }
    const context = this.#canvas.getContext('2d', { alpha: false });
    for (const r of rects) context?.putImageData(this.#image, 0, 0, r.x, r.y, r.width, r.height);
  }

  /** The mouse pointer as the target draws it, where the person has it. */
  #point({ desktop, mouse }: Screen): void {
    const pointer = desktop.pointer;
    this.#cursor.hidden = mouse === null || pointer === 'hidden';
    if (mouse === null || pointer === 'hidden') return;
    if (pointer !== this.#pointer) {
      this.#pointer = pointer;
      draw(this.#cursor, pointer);
    }
    const [hotX, hotY] = pointer === 'default' ? [0, 0] : [pointer.hotX, pointer.hotY];
    const percent = (part: number, whole: number) => `${(part / whole) * 100}%`;
    this.#cursor.style.left = percent(mouse.x - hotX, desktop.width);
    this.#cursor.style.top = percent(mouse.y - hotY, desktop.height);
    this.#cursor.style.width = percent(this.#cursor.width, desktop.width);
    this.#cursor.classList.toggle('pressed', mouse.pressed);
  }

  #mark(screen: Screen, now: number): void {
    if (screen.keys !== this.#keys) {
      this.#keys = screen.keys;
      this.#keysUntil = now + KEY_MS;
    }
    this.#typed.hidden = now >= this.#keysUntil;
    if (!this.#typed.hidden) this.dirty = true; // to take it away again
  }
}

function draw(canvas: HTMLCanvasElement, pointer: Pointer | 'default'): void {
  const { image } = pointerImage(pointer);
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext('2d')?.drawImage(image, 0, 0);
}

/** A pointer as a picture, and which of its pixels points. */
export function pointerImage(pointer: Pointer | 'default'): { image: OffscreenCanvas; hotX: number; hotY: number } {
  const [width, height] = pointer === 'default' ? [ARROW_WIDTH, ARROW_HEIGHT] : [pointer.width, pointer.height];
  const image = new OffscreenCanvas(Math.max(width, 1), Math.max(height, 1));
  const context = image.getContext('2d');
  if (pointer !== 'default') {
    const octets = new Uint8ClampedArray(pointer.pixels.buffer as ArrayBuffer);
    if (width > 0 && height > 0) context?.putImageData(new ImageData(octets, width, height), 0, 0);
    return { image, hotX: pointer.hotX, hotY: pointer.hotY };
  }
  if (context) {
    const arrow = new Path2D(ARROW);
    context.fillStyle = '#fff';
    context.fill(arrow);
    context.strokeStyle = '#000';
    context.stroke(arrow);
  }
  return { image, hotX: 0, hotY: 0 };
}

if (!customElements.get('desktop-player')) customElements.define('desktop-player', DesktopPlayer);
