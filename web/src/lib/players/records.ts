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
} as const;

export interface Rec {
  kind: string;
  stream: number;
  at_us: number;
  /** Octets in base64, for kinds whose payload is octets. */
  data?: string | null;
  /** For kinds whose payload is JSON. */
  value?: unknown;
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
  const view = new DataView(b.buffer);
  return bounded(view.getUint16(0), view.getUint16(2));
}

export function keyframe(record: Rec): Keyframe {
  return { ...size(record), paint: octets(record).subarray(4) };
}

/** Octets counted by a LENGTH or DISCARDED record. */
export function count(record: Rec): number {
  const b = octets(record);
  return b.length < 8 ? 0 : Number(new DataView(b.buffer).getBigUint64(0));
}

function object(record: Rec): Record<string, unknown> {
  return typeof record.value === 'object' && record.value !== null ? (record.value as Record<string, unknown>) : {};
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

/** The sentence of a NOTICE, or of a DECISION, for a caption. */
export function caption(record: Rec): string {
  const o = object(record);
  if (record.kind === Kind.NOTICE) return text(o.words);
  const what = text(o.event);
  const by = text(o.actor);
  const why = text(o.words) || text(o.reason);
  return [what && by ? `${what} by ${by}` : what || by, why].filter(Boolean).join(': ');
}
