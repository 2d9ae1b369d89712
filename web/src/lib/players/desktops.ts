/** What a session's desktops show: one picture for each stream, fed with records in order. Paints nothing. */

import { Desktop } from '../rdp/desktop';
import { caption, clipboard, closing, desktopSize, Kind, octets, opening, type Rec, type Told } from './records';

/** Where the person's mouse is, as the target got it. */
export interface Mouse {
  x: number;
  y: number;
  pressed: boolean;
}

export interface Screen {
  stream: number;
  desktop: Desktop;
  label: string;
  closed: string | null;
  mouse: Mouse | null;
  /** Keys, counted: that something was typed shows, what was typed nobody can know. */
  keys: number;
}

/** Octets of a fast-path input event after its head, by its code ([MS-RDPBCGR] 2.2.8.1.2.2). */
const EVENT_OCTETS: Record<number, number> = { 0: 1, 1: 6, 2: 6, 3: 0, 4: 2, 6: 4 };
const MOVES = 1;
const DOWN = 0x8000;
const BUTTONS = 0x7000;
const WORDS_MOST = 120; // characters of what was copied, in a caption
const DIRECTION: Record<string, string> = { in: 'to the target', out: 'from the target' };

export class Desktops {
  readonly all = new Map<number, Screen>();
  latest = 0; // stream that showed something last
  readonly #onTold: (told: Told) => void;

  constructor(onTold: (told: Told) => void) {
    this.#onTold = onTold;
  }

  /** Pictures of another moment follow. `live`: of the same desktops, so that what they show stays until painted over. */
  forget(live: boolean): void {
    for (const screen of this.all.values()) {
      if (!live) screen.desktop.forget();
      screen.mouse = null;
    }
    if (!live) this.all.clear();
  }

  apply(record: Rec): void {
    switch (record.kind) {
      case Kind.OPEN:
        this.#open(record);
        break;
      case Kind.CLOSE: {
        const screen = this.all.get(record.stream);
        if (screen) screen.closed = closing(record) || 'closed';
        break;
      }
      case Kind.PDU:
        this.#screen(record.stream).desktop.apply(octets(record));
        this.latest = record.stream;
        break;
      case Kind.DESKTOP: {
        const size = desktopSize(record);
        if (size) this.#screen(record.stream).desktop.size(...size);
        break;
      }
      case Kind.MOUSE:
        this.#moved(this.#screen(record.stream), octets(record));
        break;
      case Kind.INPUT:
      case Kind.HIDDEN:
        this.#screen(record.stream).keys++;
        break;
      default:
        this.#tell(record);
    }
  }

  #open(record: Rec): void {
    const screen = this.#screen(record.stream);
    screen.label = `${record.stream} ${opening(record).kind.slice(0, 60)}`;
    screen.closed = null;
    this.latest = record.stream;
  }

  #moved(screen: Screen, events: Uint8Array): void {
    for (let at = 0; at < events.length; ) {
      const code = (events[at] as number) >> 5;
      const length = EVENT_OCTETS[code];
      if (length === undefined || at + 1 + length > events.length) return;
      if (code === MOVES) {
        const view = new DataView(events.buffer, events.byteOffset + at + 1, 6);
        const flags = view.getUint16(0, true);
        const pressed = flags & BUTTONS ? (flags & DOWN) !== 0 : (screen.mouse?.pressed ?? false);
        screen.mouse = { x: view.getUint16(2, true), y: view.getUint16(4, true), pressed };
      }
      at += 1 + length;
    }
  }

  #tell(record: Rec): void {
    if (record.kind === Kind.NOTICE || record.kind === Kind.DECISION) {
      const words = caption(record);
      const kind = record.kind === Kind.NOTICE ? 'notice' : 'decision';
      if (words) this.#onTold({ kind, at_us: record.at_us, words });
    } else if (record.kind === Kind.CLIPBOARD) {
      this.#onTold({ kind: 'clipboard', at_us: record.at_us, words: copied(record) });
    }
  }

  #screen(stream: number): Screen {
    let screen = this.all.get(stream);
    if (!screen) {
      const desktop = new Desktop();
      screen = { stream, desktop, label: `${stream} desktop`, closed: null, mouse: null, keys: 0 };
      this.all.set(stream, screen);
    }
    return screen;
  }
}

/** "Copied from the target, 12 characters: …" */
function copied(record: Rec): string {
  const { direction, text, characters } = clipboard(record);
  const shown = text.length > WORDS_MOST ? `${text.slice(0, WORDS_MOST)}…` : text;
  const where = DIRECTION[direction] ?? direction;
  const said = `Copied${where && ` ${where}`}, ${characters} ${characters === 1 ? 'character' : 'characters'}`;
  return shown ? `${said}: ${shown}` : said;
}
