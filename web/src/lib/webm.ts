/**
 * WebM files of one video track (Matroska, RFC 9559; the WebM subset). Pieces are gathered in memory; the head, which
 * says how long everything is, comes last and stands first.
 */

export interface Picture {
  data: Uint8Array;
  at_ms: number;
  key: boolean;
}

const UNSIGNED_MOST = 8; // octets of a number
const CLUSTER_MS = 30_000; // less than what a block's relative time can say (i16)
const SCALE_NS = 1_000_000; // one tick of time: a millisecond

const Id = {
  EBML: 0x1a45dfa3,
  SEGMENT: 0x18538067,
  INFO: 0x1549a966,
  TRACKS: 0x1654ae6b,
  CLUSTER: 0x1f43b675,
  CUES: 0x1c53bb6b,
} as const;

/** One element: id, size, content. */
function element(id: number, ...content: Uint8Array[]): Uint8Array {
  const size = content.reduce((sum, c) => sum + c.length, 0);
  return joined([unsigned(id), sized(size), ...content]);
}

function number(id: number, value: number): Uint8Array {
  return element(id, unsigned(value));
}

function text(id: number, value: string): Uint8Array {
  return element(id, new TextEncoder().encode(value));
}

function float(id: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return element(id, bytes);
}

/** As few octets as it takes, big-endian. */
function unsigned(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.from(bytes);
}

/** A size (RFC 8794, 4): eight octets, the first of them the marker, so that no size changes another. */
function sized(value: number): Uint8Array {
  const bytes = new Uint8Array(UNSIGNED_MOST);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  bytes[0] = 0x01;
  return bytes;
}

function joined(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A file of `codec` ("V_VP9", "V_VP8"). Pictures come in the order of their time; the first is a key picture. */
export class Webm {
  readonly #tracks: Uint8Array;
  readonly #clusters: { at_ms: number; data: Uint8Array; key: boolean }[] = [];
  #blocks: Uint8Array[] = [];
  #since = 0;
  #opens = false; // the open cluster begins with a key picture
  #last = 0;

  constructor(codec: string, width: number, height: number) {
    const video = element(0xe0, number(0xb0, width), number(0xba, height));
    const track = element(0xae, number(0xd7, 1), number(0x73c5, 1), number(0x83, 1), text(0x86, codec), video);
    this.#tracks = element(Id.TRACKS, track);
  }

  add(picture: Picture): void {
    const at = Math.max(Math.round(picture.at_ms), this.#last);
    if (this.#blocks.length > 0 && (picture.key || at - this.#since >= CLUSTER_MS)) this.#flush();
    if (this.#blocks.length === 0) {
      this.#since = at;
      this.#opens = picture.key;
    }
    const head = new Uint8Array(4);
    const view = new DataView(head.buffer);
    view.setUint8(0, 0x81); // track 1
    view.setInt16(1, at - this.#since);
    view.setUint8(3, picture.key ? 0x80 : 0);
    this.#blocks.push(element(0xa3, head, picture.data));
    this.#last = at;
  }

  /** The whole file; it lasts until `end_ms`. */
  finish(end_ms: number): Blob {
    this.#flush();
    const head = [
      number(0x4286, 1),
      number(0x42f7, 1),
      number(0x42f2, 4),
      number(0x42f3, 8),
      text(0x4282, 'webm'),
      number(0x4287, 4),
      number(0x4285, 2),
    ];
    const duration = float(0x4489, Math.max(end_ms, this.#last));
    const info = element(
      Id.INFO,
      number(0x2ad7b1, SCALE_NS),
      duration,
      text(0x4d80, 'Sluicegate'),
      text(0x5741, 'Sluicegate'),
    );
    const lead = joined([info, this.#tracks]);
    const cues = this.#cues(lead.length);
    const clusters = this.#clusters.map((c) => c.data);
    const size = lead.length + cues.length + clusters.reduce((sum, c) => sum + c.length, 0);
    const parts = [element(Id.EBML, ...head), unsigned(Id.SEGMENT), sized(size), lead, ...clusters, cues];
    return new Blob(parts as BlobPart[], { type: 'video/webm' });
  }

  #flush(): void {
    if (this.#blocks.length === 0) return;
    const data = element(Id.CLUSTER, number(0xe7, this.#since), ...this.#blocks);
    this.#clusters.push({ at_ms: this.#since, data, key: this.#opens });
    this.#blocks = [];
  }

  /** Where a player can begin: each cluster that opens with a key picture. */
  #cues(lead: number): Uint8Array {
    const points: Uint8Array[] = [];
    let at = lead;
    for (const cluster of this.#clusters) {
      const where = element(0xb7, number(0xf7, 1), number(0xf1, at));
      if (cluster.key) points.push(element(0xbb, number(0xb3, cluster.at_ms), where));
      at += cluster.data.length;
    }
    return element(Id.CUES, ...points);
  }
}
