/** What a session's desktops show: one picture for each stream, fed with records in order. Paints nothing. */

import { Desktop } from '../rdp/desktop';
import { clipboard, desktopSize, Kind, octets, type Rec } from './records';
import { type Stream, Streams } from './streams';

/** Where the person's mouse is, as the target got it. */
export interface Mouse {
  x: number;
  y: number;
  pressed: boolean;
}

export interface Screen extends Stream {
  desktop: Desktop;
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

export class Desktops extends Streams<Screen> {
  /** Pictures of another moment follow. `live`: of the same desktops, so that what they show stays until painted over. */
  forget(live: boolean): void {
    if (!live) this.clear();
    for (const screen of this.all.values()) screen.mouse = null;
  }

  protected override opened(): void {}

  protected override shown(record: Rec): void {
    switch (record.kind) {
      case Kind.PDU:
        this.at(record.stream).desktop.apply(octets(record));
        this.latest = record.stream;
        break;
      case Kind.DESKTOP: {
        const size = desktopSize(record);
        if (size) this.at(record.stream).desktop.size(...size);
        break;
      }
      case Kind.MOUSE:
        this.#moved(this.at(record.stream), octets(record));
        break;
      case Kind.INPUT:
      case Kind.HIDDEN:
        this.at(record.stream).keys++;
        break;
      case Kind.CLIPBOARD:
        this.onTold({ kind: 'clipboard', at_us: record.at_us, words: copied(record) });
        break;
      default: // kinds that show nothing, or that are newer than this page
    }
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

  protected override begun(stream: number): Screen {
    return {
      stream,
      desktop: new Desktop(),
      label: `${stream} desktop`,
      closed: null,
      shows: true,
      mouse: null,
      keys: 0,
    };
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
