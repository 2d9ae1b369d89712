/** The gateway's time, as near as this browser knows it. Countdowns tick on it without asking anybody. */

const TICK_MS = 500;

class Clock {
  /** Milliseconds since 1970, by the gateway's clock; moves twice a second. */
  now = $state(Date.now());
  #ahead = 0; // how far the gateway's clock is ahead of this machine's

  constructor() {
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** The gateway said that it is `moment` now. */
  set(moment: string): void {
    this.#ahead = Date.parse(moment) - Date.now();
    this.#tick();
  }

  /** Now, read afresh. */
  read(): number {
    return Date.now() + this.#ahead;
  }

  #tick(): void {
    this.now = this.read();
  }
}

export const clock = new Clock();
