/** What a session's channels show, by stream: fed with records in order. Paints nothing. */

import { caption, closing, Kind, opening, type Rec, type Told } from './records';

export interface Stream {
  stream: number;
  label: string;
  /** How it was closed, in words; null of one that is open. */
  closed: string | null;
  /** There is a picture of it: of files and forwards there is none. */
  shows: boolean;
}

const LABEL_MOST = 60; // characters of what a channel says of itself

export abstract class Streams<S extends Stream> {
  readonly all = new Map<number, S>();
  latest = 0; // stream that showed something last
  protected readonly onTold: (told: Told) => void;

  constructor(onTold: (told: Told) => void) {
    this.onTold = onTold;
  }

  /** A stream that nothing was known of. */
  protected abstract begun(stream: number): S;
  protected abstract opened(one: S, record: Rec): void;
  /** Any record but those that every protocol has. */
  protected abstract shown(record: Rec): void;

  apply(record: Rec): void {
    switch (record.kind) {
      case Kind.OPEN: {
        const { kind, command } = opening(record);
        const one = this.at(record.stream);
        one.label = `${record.stream} ${(command ? `${kind}: ${command}` : kind).slice(0, LABEL_MOST)}`;
        one.closed = null;
        this.opened(one, record);
        if (one.shows) this.latest = record.stream;
        break;
      }
      case Kind.CLOSE: {
        const one = this.all.get(record.stream);
        if (one) one.closed = closing(record) || 'closed';
        break;
      }
      case Kind.NOTICE:
      case Kind.DECISION: {
        const words = caption(record);
        const kind = record.kind === Kind.NOTICE ? 'notice' : 'decision';
        if (words) this.onTold({ kind, at_us: record.at_us, words });
        break;
      }
      default:
        this.shown(record);
    }
  }

  clear(): void {
    this.all.clear();
    this.latest = 0;
  }

  protected at(stream: number): S {
    let one = this.all.get(stream);
    if (!one) {
      one = this.begun(stream);
      this.all.set(stream, one);
    }
    return one;
  }
}
