/** Where the players get their records from: the live watch's WebSocket, or the API piece by piece. */
import { api, ask } from './api/client';
import type { RecordingDetail } from './api/types';
import type { Reel } from './players/playback';
import type { Feed } from './players/player';
import { Kind, type Rec, unframed } from './players/records';
import type { Transcript } from './transcript';

type Watched = { type: 'snapshot'; records: Rec[] } | { type: 'record'; record: Rec } | { type: 'end' };

const RETRY_MS = 1000;
const REFUSED = 1008; // close code of a watch that is not permitted (RFC 6455 7.4.1)

/** Watches `session`. Reconnects when the line breaks: a watch begins with a snapshot, so nothing is missing then. */
export function watchFeed(session: string, trouble: (words: string) => void): Feed {
  return (sink) => {
    let socket: WebSocket;
    let over = false;
    let timer = 0;
    const url = `${location.origin.replace(/^http/, 'ws')}/api/v1/sessions/${encodeURIComponent(session)}/watch`;

    function connect(): void {
      socket = new WebSocket(url);
      socket.binaryType = 'arraybuffer';
      socket.onmessage = (message: MessageEvent<string | ArrayBuffer>) => {
        if (message.data instanceof ArrayBuffer) {
          for (const record of unframed(new Uint8Array(message.data))) sink.record(record);
          return;
        }
        const came = JSON.parse(message.data) as Watched;
        trouble('');
        if (came.type === 'snapshot') sink.snapshot(came.records);
        else if (came.type === 'record') sink.record(came.record);
        else finish('The session has ended.');
      };
      socket.onclose = (closed) => {
        if (over) return;
        if (closed.code === 1000) finish('The session has ended.');
        else if (closed.code === REFUSED) finish(closed.reason || 'You may not watch this session.');
        else {
          trouble('Not live: the line is down. Connecting…');
          timer = window.setTimeout(connect, RETRY_MS);
        }
      };
    }

    function finish(words: string): void {
      over = true;
      trouble(words);
    }

    connect();
    return () => {
      over = true;
      clearTimeout(timer);
      socket.close();
    };
  };
}

/** The records that a player shows first. May be asked for before anything else is known. */
export type Beginning = Promise<[Rec[], number | null]>;

export function beginningOf(session: string): Beginning {
  return slice(session, 0, 1);
}

/** A recording as the player reads it. */
export function reelOf(session: string, detail: RecordingDetail, beginning: Beginning): Reel {
  let asked: Beginning | null = beginning; // kept once; the player keeps what it was given
  return {
    duration_us: detail.duration_us,
    keyframes: detail.keyframes.map((k) => k.at_us),
    async records(from_us, to_us) {
      const all: Rec[] = [];
      // The API answers in whole segments, which do not overlap.
      for (let from: number | null = from_us; from !== null && from < to_us; ) {
        const known: Beginning | null = from === 0 ? asked : null;
        if (known) asked = null;
        const [records, next]: [Rec[], number | null] = await (known ??
          slice(session, Math.floor(from), Math.ceil(to_us)));
        for (const record of records) all.push(record);
        from = next !== null && next > from ? next : null;
      }
      const first = all[0]?.at_us ?? from_us;
      return [...opened(detail, first), ...all];
    },
  };
}

/** A recording in words, as the API tells it. */
export function transcriptOf(session: string): Transcript {
  const path = { session_id: session };
  return {
    lines: (q, from_us) =>
      ask(api.GET('/api/v1/recordings/{session_id}/lines', { params: { path, query: { q, from_us } } })),
    typed: (from_us) => ask(api.GET('/api/v1/recordings/{session_id}/typed', { params: { path, query: { from_us } } })),
  };
}

/** Records as octets, and where to ask on. */
export async function slice(session: string, from_us: number, to_us: number | null): Promise<[Rec[], number | null]> {
  let next: string | null = null;
  const answer = api.GET('/api/v1/recordings/{session_id}/records', {
    params: { path: { session_id: session }, query: to_us === null ? { from_us } : { from_us, to_us } },
    headers: { Accept: 'application/octet-stream' },
    parseAs: 'arrayBuffer',
  });
  const data = await ask(
    answer.then((came) => {
      next = came.response.headers.get('Next-Us');
      return came;
    }),
  );
  return [unframed(new Uint8Array(data as ArrayBuffer)), next === null ? null : Number(next)];
}

/** OPEN records of the channels that were open already at `at_us`: a segment does not repeat them. */
function opened(detail: RecordingDetail, at_us: number): Rec[] {
  return detail.streams
    .filter((s) => s.opened_us < at_us && (s.closed_us == null || s.closed_us >= at_us))
    .map((s) => ({ kind: Kind.OPEN, stream: s.stream, at_us: s.opened_us, value: s.about }));
}
