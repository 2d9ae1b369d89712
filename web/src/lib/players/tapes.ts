/** What a session's channels show: one terminal for each stream, fed with records in order. Paints nothing. */

import { Terminal } from '@xterm/headless';
import { Kind, keyframe, octets, opening, type Rec, size, type Told } from './records';
import { type Stream, Streams } from './streams';

const SCROLLBACK = 2000; // lines of an exec's output that stay in reach
const RIS = '\x1bc'; // full reset (ECMA-48); goes through the queue, unlike Terminal.reset()

export interface Tape extends Stream {
  terminal: Terminal;
  pty: boolean;
  /** A record other than a keyframe has been applied: keyframes met on the way repeat what is known. */
  current: boolean;
  /** Octets given to the emulator and not parsed yet. */
  pending: number;
}

export class Tapes extends Streams<Tape> {
  readonly #onChange: () => void;

  constructor(onTold: (told: Told) => void, onChange: () => void) {
    super(onTold);
    this.#onChange = onChange;
  }

  override clear(): void {
    for (const tape of this.all.values()) tape.terminal.dispose();
    super.clear();
  }

  /** Octets given to the emulators and not parsed yet. */
  get pending(): number {
    let octets = 0;
    for (const tape of this.all.values()) octets += tape.pending;
    return octets;
  }

  /** Resolves when everything applied so far is in the terminals. */
  async settled(): Promise<void> {
    const writes = [...this.all.values()].map((t) => new Promise<void>((done) => t.terminal.write('', done)));
    await Promise.all(writes);
  }

  protected override opened(tape: Tape, record: Rec): void {
    const { terminal } = opening(record);
    tape.pty = terminal !== null;
    tape.shows ||= tape.pty;
    tape.terminal.options.convertEol = !tape.pty;
    if (terminal && !tape.current) tape.terminal.resize(terminal.columns, terminal.rows);
  }

  protected override shown(record: Rec): void {
    switch (record.kind) {
      case Kind.OUTPUT:
      case Kind.ERROR: {
        const tape = this.at(record.stream);
        this.#write(tape, octets(record));
        tape.current = tape.shows = true;
        this.latest = record.stream;
        break;
      }
      case Kind.RESIZE: {
        const { terminal } = this.at(record.stream);
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
      default: // kinds that show nothing, or that are newer than this page
    }
  }

  #keyframe(record: Rec): void {
    const tape = this.at(record.stream);
    if (tape.current) return;
    const { columns, rows, paint } = keyframe(record);
    tape.terminal.write('', () => tape.terminal.resize(columns, rows));
    tape.terminal.write(RIS);
    this.#write(tape, paint);
    tape.current = tape.shows = true;
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

  protected override begun(stream: number): Tape {
    const terminal = new Terminal({
      cols: 80,
      rows: 24,
      scrollback: SCROLLBACK,
      allowProposedApi: true,
      logLevel: 'off',
    });
    const label = `${stream} channel`;
    return { stream, terminal, label, pty: true, closed: null, shows: false, current: false, pending: 0 };
  }
}
