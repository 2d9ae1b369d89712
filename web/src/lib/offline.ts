/** A recording in one file: how it is put in, and how it is read from there. Knows nothing of the page or the API. */

import type { RecordingDetail, Timeline, TypedPage, VerificationView } from './api/types';
import { stillOpen } from './players/past';
import type { Reel } from './players/playback';
import { Kind, octets, type Rec } from './players/records';

export interface Taken {
  detail: RecordingDetail;
  timeline: Timeline;
  typed: TypedPage;
  /** What the gateway found when it was taken away. */
  verification: VerificationView;
  /** When it was taken away, and by whom. */
  at: string;
  by: string;
}

/** What a block holds: what is known of the recording, a piece of its records, lines that stood on its terminals. */
export type Holds = 'about' | 'records' | 'lines';

/** Compressed and as base64, which no markup can break out of. */
export async function packed(data: Uint8Array): Promise<string> {
  const stream = new Blob([data as BlobPart]).stream().pipeThrough(new CompressionStream('gzip'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const PIECE = 0x6000; // a multiple of 3, so that pieces of base64 can stand one behind the other
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)));
  return text;
}

export async function unpacked(text: string): Promise<Uint8Array> {
  const binary = atob(text.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What `block` wrote, of the document that this runs in. */
export function blocks(holds: Holds): string[] {
  return [...document.querySelectorAll(`script.recording-${holds}`)].map((e) => e.textContent ?? '');
}

export function block(text: string, holds: Holds): string {
  return `<script type="text/plain" class="recording-${holds}">${text}</script>\n`;
}

/** Reads `all`, in order and from the beginning, like the API reads a recording. */
export function offlineReel(detail: RecordingDetail, all: readonly Rec[]): Reel {
  const points = detail.keyframes.map((k) => k.at_us);
  const desktop = detail.recording.protocol === 'rdp';
  return {
    duration_us: detail.duration_us,
    keyframes: points,
    async records(from_us, to_us) {
      const start = desktop ? begun(all, from_us) : Math.max(0, ...points.filter((at) => at <= from_us));
      const found = all.filter((r) => r.at_us >= start && r.at_us < to_us);
      return [...stillOpen(all, start), ...found];
    },
  };
}

/** When the request to repaint was made whose picture was whole at `at_us`; 0 where there was none. */
function begun(all: readonly Rec[], at_us: number): number {
  let since = 0;
  for (const record of all) {
    if (record.at_us > at_us) break;
    const payload = record.kind === Kind.PICTURE ? octets(record) : null;
    if (payload && payload.length >= 8) {
      since = Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(0));
    }
  }
  return since;
}
