/** Takes a recording away as one HTML file: the player, the records, and what was found when it was verified. */

import address from 'virtual:standalone';
import type { RecordingDetail } from './api/types';
import { slice } from './feed';
import { block, packed, type Taken } from './offline';
import { framed, type Rec } from './players/records';
import { parts, type Transcript, written } from './transcript';

const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const HALF = 0.5; // of the progress is for the records, the rest for the words
const utf8 = (text: string) => packed(new TextEncoder().encode(text));

/** The file. `progress` is told a share of 1. Throws what the API refuses. */
export async function htmlFile(
  taken: Omit<Taken, 'typed'>,
  transcript: Transcript,
  progress: (share: number) => void,
): Promise<Blob> {
  const script = await (await fetch(address)).text();
  const { detail } = taken;
  const file: BlobPart[] = [await head(detail, script)];
  for await (const { records, share } of pieces(detail)) {
    file.push(block(await packed(framed(records)), 'records'));
    progress(share * HALF);
  }
  for await (const { lines, at_us } of parts((from) => transcript.lines('', from))) {
    file.push(block(await utf8(written(lines)), 'lines'));
    progress(HALF + ((at_us ?? detail.duration_us) / Math.max(detail.duration_us, 1)) * HALF);
  }
  const typed: Taken['typed'] = { lines: [], next_us: null };
  for await (const { lines } of parts(transcript.typed)) typed.lines.push(...lines);
  file.push(block(await utf8(JSON.stringify({ ...taken, typed } satisfies Taken)), 'about'));
  file.push(`<script>${script}</script>\n</body>\n</html>\n`);
  return new Blob(file, { type: 'text/html' });
}

/** All records of a recording, in order, and how much of it has come. */
export async function* pieces(detail: RecordingDetail): AsyncGenerator<{ records: Rec[]; share: number }> {
  let from: number | null = 0;
  while (from !== null) {
    const [records, next]: [Rec[], number | null] = await slice(detail.recording.session, from, null);
    from = next !== null && next > from ? next : null;
    yield { records, share: (from ?? detail.duration_us) / Math.max(detail.duration_us, 1) };
  }
}

/** Only this very script may run in the file, whatever a record holds. */
async function head(detail: RecordingDetail, script: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(script)));
  const policy = `${POLICY}; script-src 'sha256-${btoa(String.fromCharCode(...digest))}'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Recording ${detail.recording.seq}</title>
</head>
<body>
<div id="page"></div>
<noscript>This file plays a recording; it needs scripts, and nothing from any network.</noscript>
`;
}
