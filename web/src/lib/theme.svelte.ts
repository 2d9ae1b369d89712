/** Light, dark, or as the machine has it. */

export type Theme = 'auto' | 'light' | 'dark';
const ORDER: Theme[] = ['auto', 'light', 'dark'];
const KEY = 'sluicegate-theme';

class Look {
  theme = $state<Theme>('auto');

  constructor() {
    const kept = ORDER.find((t) => t === localStorage.getItem(KEY));
    if (kept) this.#put(kept);
  }

  next(): void {
    this.#put(ORDER[(ORDER.indexOf(this.theme) + 1) % ORDER.length] ?? 'auto');
    localStorage.setItem(KEY, this.theme);
  }

  #put(theme: Theme): void {
    this.theme = theme;
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }
}

export const look = new Look();
