/** Who is signed in. */
import { api, ask, onSignedOut, Refusal, setCsrf } from './api/client';
import type { Me, Role } from './api/types';
import { clock } from './clock.svelte';
import { live } from './live.svelte';

/** Says that this browser has signed in, so that a first visit asks nothing that must be refused. No secret. */
const KEPT = 'sluicegate-signed-in';

class Person {
  me = $state<Me | null>(null);
  /** Whether the gateway has said yet who is asking. */
  known = $state(false);
  refusal = $state<Refusal | null>(null);

  constructor() {
    onSignedOut(() => this.forget());
  }

  is(...roles: Role[]): boolean {
    return this.me?.roles.some((r) => roles.includes(r)) ?? false;
  }

  /** Whether the page was served through the administrators' door, which has other routes and no live views. */
  get atAdminDoor(): boolean {
    return this.me?.door === 'admin';
  }

  async recall(): Promise<void> {
    if (localStorage.getItem(KEPT) === null) {
      this.known = true;
      return;
    }
    try {
      this.take(await ask(api.GET('/api/v1/me')));
    } catch (error) {
      if (error instanceof Refusal && error.status !== 401) this.refusal = error;
      else localStorage.removeItem(KEPT);
    } finally {
      this.known = true;
    }
  }

  take(me: Me): void {
    setCsrf(me.csrf);
    clock.set(me.now);
    this.me = me;
    localStorage.setItem(KEPT, 'yes');
    if (me.door === 'people') live.start();
    else live.beat();
  }

  async signOut(): Promise<void> {
    await ask(api.POST('/api/v1/sign-out'));
    this.forget();
  }

  forget(): void {
    live.stop();
    setCsrf('');
    localStorage.removeItem(KEPT);
    this.me = null;
  }
}

export const person = new Person();
