/** Records of a recording as the API sends them, and what the players read from them. Kinds: docs/recording-format.md. */

export const Kind = {
  META: 'm',
  OPEN: 's',
  CLOSE: 'c',
  OUTPUT: 'o',
  ERROR: 'e',
  INPUT: 'i',
  BURST: 'b',
  LENGTH: 'l',
  RESIZE: 'r',
  KEYFRAME: 'k',
  DECISION: 'd',
  NOTICE: 'n',
  DISCARDED: 'x',
  HIDDEN: 'h', // typed input without its key
  PDU: 'p',
  MOUSE: 'u',
  CLIPBOARD: 't',
  DESKTOP: 'w',
  REPAINT: 'q',
  PICTURE: 'f',
} as const;

export interface Rec {
  kind: string;
  stream: number;
  at_us: number;
  /** Octets in base64, for kinds whose payload is octets. */
  data?: string | null;
  /** For kinds whose payload is JSON. */
  value?: unknown;
  /** The payload as it stands in the recording, where the records came as octets. */
  payload?: Uint8Array;
}

const HEAD = 15; // octets of a record before its payload: kind u8, stream u16, at_us u64, length u32

/** Records as in the recording's file, one behind the other. What is cut off at the end is left out. */
export function unframed(data: Uint8Array): Rec[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const records: Rec[] = [];
  for (let at = 0; at + HEAD <= data.length; ) {
    const from = at + HEAD;
    const to = from + view.getUint32(at + 11);
    if (to > data.length) break;
    records.push({
      kind: String.fromCharCode(view.getUint8(at)),
      stream: view.getUint16(at + 1),
      at_us: Number(view.getBigUint64(at + 3)),
      payload: data.subarray(from, to),
    });
    at = to;
  }
  return records;
}

/** The reverse of `unframed`, for records that came as octets. */
export function framed(records: readonly Rec[]): Uint8Array {
  const payloads = records.map(octets);
  const data = new Uint8Array(payloads.reduce((sum, p) => sum + HEAD + p.length, 0));
  const view = new DataView(data.buffer);
  let at = 0;
  records.forEach((record, i) => {
    const payload = payloads[i] as Uint8Array;
    view.setUint8(at, record.kind.charCodeAt(0));
    view.setUint16(at + 1, record.stream);
    view.setBigUint64(at + 3, BigInt(record.at_us));
    view.setUint32(at + 11, payload.length);
    data.set(payload, at + HEAD);
    at += HEAD + payload.length;
  });
  return data;
}

/** A decision, a notice, or something that passed through the clipboard, in words. */
export interface Told {
  kind: 'notice' | 'decision' | 'clipboard';
  at_us: number;
  words: string;
}

export interface Size {
  columns: number;
  rows: number;
}

/** A keyframe paints the whole terminal: what went before on its stream does not matter. */
export interface Keyframe extends Size {
  paint: Uint8Array;
}

export function octets(record: Rec): Uint8Array {
  if (record.payload) return record.payload;
  const text = atob(record.data ?? '');
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Hostile or torn sizes are brought into what a page can show. */
function bounded(columns: number, rows: number): Size {
  const within = (n: number, most: number) => Math.min(Math.max(Math.trunc(n) || 1, 1), most);
  return { columns: within(columns, 500), rows: within(rows, 200) };
}

export function size(record: Rec): Size {
  const b = octets(record);
  if (b.length < 4) return { columns: 80, rows: 24 };
  const [columns, rows] = pair(b);
  return bounded(columns, rows);
}

function pair(b: Uint8Array): [number, number] {
  const view = new DataView(b.buffer, b.byteOffset);
  return [view.getUint16(0), view.getUint16(2)];
}

/** Width and height of a DESKTOP record; null of a torn one. */
export function desktopSize(record: Rec): [number, number] | null {
  const b = octets(record);
  return b.length < 4 ? null : pair(b);
}

export function keyframe(record: Rec): Keyframe {
  return { ...size(record), paint: octets(record).subarray(4) };
}

/** Octets counted by a LENGTH or DISCARDED record. */
export function count(record: Rec): number {
  const b = octets(record);
  return b.length < 8 ? 0 : Number(new DataView(b.buffer, b.byteOffset).getBigUint64(0));
}

function object(record: Rec): Record<string, unknown> {
  const value = record.payload ? parsed(record.payload) : record.value;
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function parsed(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return null;
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** What an OPEN record says of its channel. */
export function opening(record: Rec): { kind: string; command: string; terminal: Size | null } {
  const o = object(record);
  const { columns, rows } = o;
  const terminal = typeof columns === 'number' && typeof rows === 'number' ? bounded(columns, rows) : null;
  return { kind: text(o.kind) || 'channel', command: text(o.command), terminal };
}

/** What a CLOSE record says: "exit status 0", "signal TERM", or nothing. */
export function closing(record: Rec): string {
  const o = object(record);
  if (text(o.signal)) return `signal ${text(o.signal)}`;
  return typeof o.status === 'number' ? `exit status ${o.status}` : '';
}

/** What passed through the clipboard. Who watches is told how much, not what. */
export function clipboard(record: Rec): { direction: string; text: string; characters: number } {
  const o = object(record);
  const passed = text(o.text);
  const characters = typeof o.characters === 'number' ? o.characters : passed.length;
  return { direction: text(o.direction), text: passed, characters };
}

/** The sentence of a NOTICE, or of a DECISION, for a caption. */
export function caption(record: Rec): string {
  const o = object(record);
  if (record.kind === Kind.NOTICE) return text(o.words);
  const what = text(o.event);
  const by = text(o.actor);
  const why = text(o.words) || text(o.reason);
  return [what && by ? `${what} by ${by}` : what || by, why].filter(Boolean).join(': ');
}
