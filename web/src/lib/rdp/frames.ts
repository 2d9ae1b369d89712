/**
 * From a whole PDU, as the gateway sent it to the client, to the updates in it: TPKT and X.224 (slow path), or fast
 * path with its fragments ([MS-RDPBCGR] 2.2.9). What is neither picture nor pointer is counted and passed over.
 */

import { Octets } from './octets';

/** What an update is, whichever path it came by: the fast-path code of 2.2.9.1.2.1. */
export const Update = {
  ORDERS: 0,
  BITMAP: 1,
  PALETTE: 2,
  SYNCHRONIZE: 3,
  SURFACE: 4,
  POINTER_HIDDEN: 5,
  POINTER_DEFAULT: 6,
  POINTER_POSITION: 8,
  POINTER_COLOUR: 9,
  POINTER_CACHED: 10,
  POINTER_NEW: 11,
  POINTER_LARGE: 12,
} as const;

export interface Sink {
  update(code: number, body: Octets): void;
  /** A Demand Active: the share begins anew, with this size. */
  demanded(width: number, height: number): void;
  /** Something that paints nothing, or that this decoder does not know. */
  skipped(what: string): void;
}

const TPKT = 3;
const X224_DATA = 0xf0;
const SEND_DATA_INDICATION = 26 << 2; // T.125 DomainMCSPDU, in the high six bits of the octet
const IO_CHANNEL = 1003; // the gateway's own, towards every client
const DEMAND_ACTIVE = 1;
const DATA = 7;
const TYPE2_UPDATE = 2;
const TYPE2_POINTER = 0x1b;
const COMPRESSED = 0x20; // PACKET_COMPRESSED of compressedType and compressionFlags
const CAPABILITY_BITMAP = 2;
const FRAGMENTS_MOST = 16 << 20; // octets of one update in fragments
const FLOW = 0x8000; // totalLength of a flow PDU (2.2.8.1.1.1.1)

/** Slow-path pointer messages (2.2.9.1.1.4) by the code that the fast path has for them. */
const POINTERS: Record<number, number> = {
  3: Update.POINTER_POSITION,
  6: Update.POINTER_COLOUR,
  7: Update.POINTER_CACHED,
  8: Update.POINTER_NEW,
  9: Update.POINTER_LARGE,
};

export class Frames {
  readonly #sink: Sink;
  #fragments: Uint8Array[] = [];
  #held = 0; // octets in `#fragments`

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  #forget(): void {
    this.#fragments = [];
    this.#held = 0;
  }

  /** Throws `Malformed`. */
  feed(pdu: Uint8Array): void {
    const from = new Octets(pdu);
    if (pdu[0] === TPKT) this.#slow(from);
    else this.#fast(from);
  }

  #slow(from: Octets): void {
    from.skip(4); // TPKT: version, reserved, length
    const [length, code] = [from.u8(), from.u8()];
    from.skip(length - 1); // of X.224 Data nothing matters
    const choice = from.u8();
    if (code !== X224_DATA || (choice & 0xfc) !== SEND_DATA_INDICATION) {
      this.#sink.skipped(`X.224 ${code}, MCS ${choice >> 2}`);
      return;
    }
    from.skip(2); // initiator
    const channel = from.u16be();
    from.skip(1); // priority, segmentation
    const short = from.u8();
    const size = short & 0x80 ? ((short & 0x3f) << 8) | from.u8() : short;
    const data = from.part(size);
    if (channel === IO_CHANNEL) this.#controls(data);
    else this.#sink.skipped('channel data');
  }

  #controls(data: Octets): void {
    while (data.left > 0) {
      const total = data.u16();
      if (total === FLOW) {
        this.#sink.skipped('flow');
        return;
      }
      this.#control(data.part(total - 2));
    }
  }

  /** A Share Control PDU (2.2.8.1.1.1) after its length. */
  #control(from: Octets): void {
    const type = from.u16() & 0x0f;
    if (type === DEMAND_ACTIVE) {
      from.skip(2);
      this.#demand(from);
    } else if (type === DATA) {
      from.skip(2);
      this.#data(from);
    } else {
      this.#sink.skipped(`share control ${type}`);
    }
  }

  /** 2.2.1.13.1.1 */
  #demand(from: Octets): void {
    this.#forget();
    from.skip(4);
    const source = from.u16();
    from.skip(2 + source);
    const count = from.u16();
    from.skip(2);
    for (let i = 0; i < count; i++) {
      const [type, length] = [from.u16(), from.u16()];
      const body = from.part(length - 4);
      if (type !== CAPABILITY_BITMAP) continue;
      body.skip(8);
      this.#sink.demanded(body.u16(), body.u16());
    }
  }

  /** 2.2.8.1.1.1.2 */
  #data(from: Octets): void {
    from.skip(8); // shareId, pad, streamId, uncompressedLength
    const [type, compression] = [from.u8(), from.u8()];
    from.skip(2);
    if (compression & COMPRESSED) this.#sink.skipped('compressed data');
    else if (type === TYPE2_UPDATE) this.#update(from);
    else if (type === TYPE2_POINTER) this.#pointer(from);
    else this.#sink.skipped(`data ${type}`);
  }

  #update(from: Octets): void {
    const code = from.u16();
    if (code === Update.BITMAP) this.#sink.update(code, from);
    else this.#sink.skipped(`slow-path update ${code}`);
  }

  #pointer(from: Octets): void {
    const message = from.u16();
    from.skip(2);
    if (message === 1) {
      this.#sink.update(from.u32() === 0 ? Update.POINTER_HIDDEN : Update.POINTER_DEFAULT, from);
    } else {
      const code = POINTERS[message];
      if (code === undefined) this.#sink.skipped(`pointer ${message}`);
      else this.#sink.update(code, from);
    }
  }

  /** 2.2.9.1.2 */
  #fast(from: Octets): void {
    const header = from.u8();
    if (from.u8() & 0x80) from.skip(1);
    if (header & 0xc3) {
      this.#sink.skipped('encrypted, or no fast path');
      return;
    }
    while (from.left > 0) {
      const update = from.u8();
      const compressed = update >> 6 === 2 && (from.u8() & COMPRESSED) !== 0;
      const body = from.part(from.u16());
      if (compressed) this.#sink.skipped('compressed update');
      else this.#fragment(update & 0x0f, (update >> 4) & 3, body);
    }
  }

  /** `place`: 0 whole, 1 last, 2 first, 3 next. Fragments of one update follow one another and have one code. */
  #fragment(code: number, place: number, body: Octets): void {
    if (place === 0) {
      this.#fastUpdate(code, body);
      return;
    }
    if (place === 2) this.#forget();
    this.#held += body.left;
    if (this.#held > FRAGMENTS_MOST) {
      this.#forget();
      this.#sink.skipped('fragments without end');
      return;
    }
    this.#fragments.push(body.rest());
    if (place !== 1) return;
    const whole = new Uint8Array(this.#held);
    let at = 0;
    for (const piece of this.#fragments) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#forget();
    this.#fastUpdate(code, new Octets(whole));
  }

  #fastUpdate(code: number, body: Octets): void {
    if (code === Update.BITMAP) body.skip(2); // updateType again
    this.#sink.update(code, body);
  }
}
