/** A list of the gateway that is kept fresh: read at once, on every hint, and after a deed of this page. */
import { untrack } from 'svelte';
import { Refusal } from './api/client';
import { live } from './live.svelte';

export class Listing<T> {
  value = $state.raw<T | null>(null);
  refusal = $state<Refusal | null>(null);
  readonly #read: () => Promise<T>;
  #latest = 0;

  /** Must be made while a component is set up. */
  constructor(read: () => Promise<T>) {
    this.#read = read;
    $effect(() => {
      live.turn;
      untrack(() => void this.again());
    });
  }

  async again(): Promise<void> {
    const mine = ++this.#latest;
    try {
      const value = await this.#read();
      if (mine !== this.#latest) return; // an answer that a later one overtook
      this.value = value;
      this.refusal = null;
    } catch (error) {
      if (mine !== this.#latest) return;
      this.refusal = error instanceof Refusal ? error : new Refusal(0, { detail: String(error) });
    }
  }
}
