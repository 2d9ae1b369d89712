/** Where the players get their records from: the live watch's WebSocket, or the API piece by piece. */
import { api, ask } from './api/client';
import type { RecordingDetail } from './api/types';
import type { Reel } from './players/playback';
import type { Rec } from './players/records';
import type { Feed } from './players/terminal-player';

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
      socket.onmessage = (message) => {
        const came = JSON.parse(String(message.data)) as Watched;
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

/** A recording as the player reads it. */
export function reelOf(session: string, detail: RecordingDetail): Reel {
  return {
    duration_us: detail.duration_us,
    keyframes: detail.keyframes.map((k) => k.at_us),
    async records(from_us, to_us) {
      const all: Rec[] = [];
      for (let from: number | null = from_us; from !== null && from < to_us; ) {
        const query = { from_us: Math.floor(from), to_us: Math.ceil(to_us) };
        const path = '/api/v1/recordings/{session_id}/records';
        const page: { records: Rec[]; next_us: number | null } = await ask(
          api.GET(path, { params: { path: { session_id: session }, query } }),
        );
        // A following page begins at a keyframe that this one has already gone past.
        const known = all[all.length - 1]?.at_us ?? -1;
        all.push(...page.records.filter((r) => all.length === 0 || r.at_us > known));
        from = page.next_us !== null && page.next_us > from ? page.next_us : null;
      }
      return all;
    },
  };
}
