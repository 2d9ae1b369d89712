/** Something a person pressed: busy while it runs, and what it was refused with, for the words beside the button. */
import { Refusal } from './api/client';

export class Action {
  busy = $state(false);
  refusal = $state<Refusal | null>(null);

  /** True when it was done. */
  async run(deed: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    this.refusal = null;
    try {
      await deed();
      return true;
    } catch (error) {
      this.refusal =
        error instanceof Refusal
          ? error
          : new Refusal(0, { detail: `The page failed: ${String(error)}`, code: 'page' });
      return false;
    } finally {
      this.busy = false;
    }
  }

  clear(): void {
    this.refusal = null;
  }

  /** What was wrong with one field. */
  wrong(field: string): string {
    return this.refusal?.errors.find((e) => e.field === field)?.words ?? '';
  }
}
