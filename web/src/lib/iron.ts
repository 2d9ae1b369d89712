/**
 * A desktop in the browser: IronRDP on a WebSocket of the gateway (RDCleanPath). Loaded by the desktop's page alone.
 *
 * The socket is listened to before IronRDP is: a desktop of another size is announced by a Demand Active, which this
 * version of IronRDP answers with a panic; the page opens a new connection at that size instead. The gateway's last
 * words come in the socket's close frame.
 */

import type { UserInteraction } from '@devolutions/iron-remote-desktop';
import { Frames } from './rdp/frames';
import { Malformed } from './rdp/octets';

export interface Size {
  width: number;
  height: number;
}

export interface Ended {
  /** In words of the gateway, or of the client where the gateway said nothing. */
  words: string;
  /** The desktop has this size: connect again at it. */
  other: Size | null;
}

export interface Wish {
  token: string;
  size: Size;
  clipboard: boolean;
  /** Where the element goes. */
  place: HTMLElement;
  /** The desktop can be used. */
  opened(ui: UserInteraction): void;
  /** The target has put something on its clipboard. */
  copied(): void;
}

const PATH = '/api/v1/desktop';
const PENDING_MOST = 1 << 20; // octets of a PDU that has not come whole
const SMALLEST: Size = { width: 640, height: 480 };
const LARGEST: Size = { width: 3840, height: 2160 };
const LAST_MS = 1000; // for the gateway's last words to come after the client's

/** A size that every target takes: of whole fours, within what RDP knows. */
export function fitting(width: number, height: number): Size {
  const within = (n: number, least: number, most: number) => Math.min(Math.max(n, least), most) & ~3;
  return {
    width: within(width, SMALLEST.width, LARGEST.width),
    height: within(height, SMALLEST.height, LARGEST.height),
  };
}

/** Cuts what a server sends into PDUs and looks for a Demand Active. The first message is RDCleanPath's. */
export class Overheard {
  #first = true;
  #pending = new Uint8Array(0);
  #size: Size | null = null;
  readonly #frames = new Frames({
    update: () => {},
    demanded: (width, height) => {
      this.#size = { width, height };
    },
    skipped: () => {},
  });

  /** The size that a Demand Active in `data` announces, if there is one. */
  feed(data: Uint8Array): Size | null {
    this.#size = null;
    if (this.#first) {
      this.#first = false;
      return null;
    }
    const joined = new Uint8Array(this.#pending.length + data.length);
    joined.set(this.#pending);
    joined.set(data, this.#pending.length);
    let at = 0;
    for (let length = lengthOf(joined, at); length > 0 && at + length <= joined.length; length = lengthOf(joined, at)) {
      if (joined[at] === 3) this.#look(joined.subarray(at, at + length));
      at += length;
    }
    this.#pending = joined.length - at > PENDING_MOST ? new Uint8Array(0) : joined.slice(at);
    return this.#size;
  }

  #look(pdu: Uint8Array): void {
    try {
      this.#frames.feed(pdu);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }
}

/** Of the PDU at `at`: TPKT or fast path; 0 when that has not come yet. */
function lengthOf(data: Uint8Array, at: number): number {
  const [action, high, low, last] = [data[at], data[at + 1], data[at + 2], data[at + 3]];
  if (action === undefined || high === undefined) return 0;
  if (action === 3) return low === undefined || last === undefined ? 0 : Math.max((low << 8) | last, 1);
  if (!(high & 0x80)) return Math.max(high, 1);
  return low === undefined ? 0 : Math.max(((high & 0x7f) << 8) | low, 1);
}

/** Opens a desktop and resolves when it is over. Never rejects. */
export async function desktop(wish: Wish): Promise<Ended> {
  const [{ init, Backend, displayControl }] = await Promise.all([
    import('@devolutions/iron-remote-desktop-rdp'),
    import('@devolutions/iron-remote-desktop'),
  ]);
  await init('WARN');
  const over = new AbortController();
  const socket = listened(wish.size);
  const element = document.createElement('iron-remote-desktop');
  element.setAttribute('scale', 'fit');
  element.setAttribute('flexcenter', 'false');
  const ready = new Promise<UserInteraction>((done) => {
    element.addEventListener('ready', (event) => {
      done((event as CustomEvent<{ irgUserInteraction: UserInteraction }>).detail.irgUserInteraction);
    });
  });
  (element as HTMLElement & { module: unknown }).module = Backend;
  wish.place.replaceChildren(element);
  const ui = await ready;
  ui.setEnableClipboard(wish.clipboard);
  ui.setEnableAutoClipboard(false); // what is copied elsewhere on this machine is not the target's business
  ui.onClipboardRemoteUpdateCallback(() => wish.copied());
  const config = ui
    .configBuilder()
    .withUsername('ticket') // the target's own are put in by the gateway
    .withPassword('ticket')
    .withServerDomain('')
    .withDestination('desktop:3389')
    .withProxyAddress(`${location.origin.replace(/^http/, 'ws')}${PATH}`)
    .withAuthToken(wish.token)
    .withDesktopSize(wish.size)
    .withExtension(displayControl(false))
    .build();
  try {
    return await Promise.race([lived(ui, config, wish), socket.ended, frozen(over.signal)]);
  } catch (error) {
    const said = await Promise.race([socket.ended, after(LAST_MS)]);
    return said ?? { words: spoken(error), other: null };
  } finally {
    over.abort();
    socket.restore();
    element.remove();
  }

  async function lived(
    shown: UserInteraction,
    settings: Parameters<UserInteraction['connect']>[0],
    { opened }: Wish,
  ): Promise<Ended> {
    const session = await shown.connect(settings);
    shown.setVisibility(true);
    opened(shown);
    const end = await session.run();
    const said = await Promise.race([socket.ended, after(LAST_MS)]);
    return said?.words ? said : { words: end.reason(), other: null };
  }
}

/** The client broke: it draws no more, and its socket stays open (a panic in WebAssembly). */
function frozen(signal: AbortSignal): Promise<Ended> {
  return new Promise((done) => {
    const broke = (what: unknown) => {
      if (!(what instanceof WebAssembly.RuntimeError) && !String(what).includes('ImageData')) return;
      done({ words: 'The RDP client in this page stopped. Connect again; your session is still there.', other: null });
    };
    addEventListener('error', (event) => broke(event.error), { signal });
    addEventListener('unhandledrejection', (event) => broke(event.reason), { signal });
  });
}

/** Puts itself before the next WebSocket to the gateway's desktops. */
function listened(size: Size): { ended: Promise<Ended>; restore(): void } {
  const Native = window.WebSocket;
  let done: (ended: Ended) => void;
  const ended = new Promise<Ended>((resolve) => {
    done = resolve;
  });
  class Listened extends Native {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      if (new URL(url).pathname !== PATH) return;
      const heard = new Overheard();
      this.addEventListener('message', (event: MessageEvent<unknown>) => {
        if (!(event.data instanceof ArrayBuffer)) return;
        const other = heard.feed(new Uint8Array(event.data));
        if (!other || (other.width === size.width && other.height === size.height)) return;
        event.stopImmediatePropagation();
        this.close(1000);
        done({ words: '', other });
      });
      this.addEventListener('close', (event) => done({ words: event.reason, other: null }));
    }
  }
  window.WebSocket = Listened;
  return {
    ended,
    restore: () => {
      window.WebSocket = Native;
    },
  };
}

/** What IronRDP threw, in words. */
function spoken(error: unknown): string {
  const thrown = error as { backtrace?: () => string } | null;
  const words = typeof thrown?.backtrace === 'function' ? thrown.backtrace().split('\n')[0] : String(error);
  return words?.trim() || 'The desktop could not be opened.';
}

function after(ms: number): Promise<null> {
  return new Promise((done) => setTimeout(() => done(null), ms));
}
