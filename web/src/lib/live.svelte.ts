/**
 * Hints that something changed. A hint carries ids only; whoever shows a list reads it again. Hints are gathered for
 * a moment, so that a burst is one reading. While the line is down lists are read on a slow beat, and the page says so.
 */

const GATHER_MS = 200;
const BEAT_MS = 10_000; // while not live
const RETRY_MS = [500, 1000, 2000, 5000];

export type Line = 'off' | 'connecting' | 'live';

class Live {
  line = $state<Line>('off');
  /** Grows when lists should be read again. */
  turn = $state(0);
  #socket: WebSocket | null = null;
  #wanted = false;
  #failures = 0;
  #gather = 0;
  #beat = 0;
  #retry = 0;

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#beat = window.setInterval(() => this.line !== 'live' && this.turn++, BEAT_MS);
    this.#connect();
  }

  /** Where there are no hints: lists are read again on the slow beat alone. */
  beat(): void {
    clearInterval(this.#beat);
    this.#beat = window.setInterval(() => this.turn++, BEAT_MS);
  }

  stop(): void {
    this.#wanted = false;
    clearInterval(this.#beat);
    clearTimeout(this.#retry);
    this.#socket?.close();
    this.#socket = null;
    this.line = 'off';
  }

  #connect(): void {
    this.line = 'connecting';
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/api/v1/live`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      this.line = 'live';
      this.turn++; // what happened while the line was down
    };
    socket.onmessage = () => this.#hint();
    socket.onclose = () => {
      if (!this.#wanted || this.#socket !== socket) return;
      this.line = 'connecting';
      const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
      this.#retry = window.setTimeout(() => this.#connect(), wait);
    };
  }

  #hint(): void {
    if (this.#gather) return;
    this.#gather = window.setTimeout(() => {
      this.#gather = 0;
      this.turn++;
    }, GATHER_MS);
  }
}

export const live = new Live();
