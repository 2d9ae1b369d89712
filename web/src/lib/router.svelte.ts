/** Where the page is: the part after `#`, so that the gateway serves one file and no path of the page is its own. */

class Route {
  path = $state<string[]>([]);

  constructor() {
    this.#read();
    addEventListener('hashchange', () => this.#read());
  }

  get screen(): string {
    return this.path[0] ?? '';
  }

  get rest(): string {
    return this.path[1] ?? '';
  }

  #read(): void {
    this.path = location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded);
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const route = new Route();

export function go(path: string): void {
  location.hash = `#/${path}`;
}
