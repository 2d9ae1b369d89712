/** What a session's channels show: one terminal for each stream, fed with records in order. Paints nothing. */

import { Terminal } from '@xterm/headless';
import { caption, closing, Kind, keyframe, octets, opening, type Rec, size, type Told } from './records';

const SCROLLBACK = 2000; // lines of an exec's output that stay in reach
const RIS = '\x1bc'; // full reset (ECMA-48); goes through the queue, unlike Terminal.reset()

export interface Tape {
  stream: number;
  terminal: Terminal;
  label: string;
  pty: boolean;
  closed: string | null;
  /** A record other than a keyframe has been applied: keyframes met on the way repeat what is known. */
  current: boolean;
  /** Octets given to the emulator and not parsed yet. */
  pending: number;
}

export class Tapes {
  readonly all = new Map<number, Tape>();
  latest = 0; // stream that showed something last
  readonly #onTold: (told: Told) => void;
  readonly #onChange: () => void;

  constructor(onTold: (told: Told) => void, onChange: () => void) {
    this.#onTold = onTold;
    this.#onChange = onChange;
  }

  clear(): void {
    for (const tape of this.all.values()) tape.terminal.dispose();
    this.all.clear();
    this.latest = 0;
  }

  /** Octets given to the emulators and not parsed yet. */
  get pending(): number {
    let octets = 0;
    for (const tape of this.all.values()) octets += tape.pending;
    return octets;
  }

  apply(record: Rec): void {
    switch (record.kind) {
      case Kind.OPEN:
        this.#open(record);
        break;
      case Kind.CLOSE: {
        const tape = this.all.get(record.stream);
        if (tape) tape.closed = closing(record) || 'closed';
        break;
      }
      case Kind.OUTPUT:
      case Kind.ERROR: {
        const tape = this.#tape(record.stream);
        this.#write(tape, octets(record));
        tape.current = true;
        this.latest = record.stream;
        break;
      }
      case Kind.RESIZE: {
        const { terminal } = this.#tape(record.stream);
        const { columns, rows } = size(record);
        terminal.write('', () => {
          terminal.resize(columns, rows);
          this.#onChange();
        });
        break;
      }
      case Kind.KEYFRAME:
        this.#keyframe(record);
        break;
      case Kind.NOTICE:
      case Kind.DECISION: {
        const words = caption(record);
        if (words) {
          const kind = record.kind === Kind.NOTICE ? 'notice' : 'decision';
          this.#onTold({ kind, at_us: record.at_us, words });
        }
        break;
      }
      default: // kinds that show nothing, or that are newer than this page
    }
  }

  /** Resolves when everything applied so far is in the terminals. */
  async settled(): Promise<void> {
    const writes = [...this.all.values()].map((t) => new Promise<void>((done) => t.terminal.write('', done)));
    await Promise.all(writes);
  }

  #open(record: Rec): void {
    const about = opening(record);
    const tape = this.#tape(record.stream);
    const what = about.command ? `${about.kind}: ${about.command}` : about.kind;
    tape.label = `${record.stream} ${what.slice(0, 60)}`;
    tape.pty = about.terminal !== null;
    tape.terminal.options.convertEol = !tape.pty;
    if (about.terminal && !tape.current) tape.terminal.resize(about.terminal.columns, about.terminal.rows);
    this.latest = record.stream;
  }

  #keyframe(record: Rec): void {
    const tape = this.#tape(record.stream);
    if (tape.current) return;
    const { columns, rows, paint } = keyframe(record);
    tape.terminal.write('', () => tape.terminal.resize(columns, rows));
    tape.terminal.write(RIS);
    this.#write(tape, paint);
    tape.current = true;
    this.latest = record.stream;
  }

  /** The emulator parses in slices between frames; each slice may change the picture. */
  #write(tape: Tape, data: Uint8Array): void {
    tape.pending += data.length;
    tape.terminal.write(data, () => {
      tape.pending -= data.length;
      this.#onChange();
    });
  }

  #tape(stream: number): Tape {
    let tape = this.all.get(stream);
    if (!tape) {
      const terminal = new Terminal({
        cols: 80,
        rows: 24,
        scrollback: SCROLLBACK,
        allowProposedApi: true,
        logLevel: 'off',
      });
      tape = { stream, terminal, label: `${stream} channel`, pty: true, closed: null, current: false, pending: 0 };
      this.all.set(stream, tape);
    }
    return tape;
  }
}
