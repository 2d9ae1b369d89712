/** What a form asks for, page by page, newest first. What is on the screen answers one question: the one sent last. */
import { untrack } from 'svelte';
import { Action } from './action.svelte';
import { live } from './live.svelte';

type Page<T> = [T[], number | null];

export class Search<T, Q extends object> {
  readonly action = new Action();
  found = $state.raw<T[] | null>(null);
  /** Where older ones begin; null when there are none. */
  cursor = $state<number | null>(null);
  readonly #form: () => Q;
  readonly #read: (query: Q & { cursor?: number }) => Promise<Page<T>>;
  #asked: Q;
  #readOn = false;

  /** Must be made while a component is set up. `form` is what stands in it now. */
  constructor(form: () => Q, read: (query: Q & { cursor?: number }) => Promise<Page<T>>) {
    this.#form = form;
    this.#read = read;
    this.#asked = form();
    $effect(() => {
      live.turn;
      // A hint reads the first page again; someone who has read on keeps his place.
      untrack(() => !this.#readOn && void this.again());
    });
  }

  find(): Promise<void> {
    this.#asked = this.#form();
    return this.again();
  }

  async again(): Promise<void> {
    await this.action.run(async () => {
      [this.found, this.cursor] = await this.#read(this.#asked);
      this.#readOn = false;
    });
  }

  async more(): Promise<void> {
    const cursor = this.cursor;
    if (cursor === null) return;
    await this.action.run(async () => {
      const [older, next] = await this.#read({ ...this.#asked, cursor });
      this.found = [...(this.found ?? []), ...older];
      this.cursor = next;
      this.#readOn = true;
    });
  }
}
