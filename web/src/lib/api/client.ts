/** The one way to the gateway: every call goes through here, and every refusal comes out as a `Refusal`. */
import createClient from 'openapi-fetch';
import type { paths as AdminPaths } from '../../../types/admin';
import type { paths } from '../../../types/people';
import type { Problem } from './types';

/** What the gateway said no with, in words for the person. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly rule: string;
  readonly errors: { field: string; words: string }[];

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail || `The gateway answered ${status}. Nothing was done; try again.`);
    this.status = status;
    this.code = problem.code ?? '';
    this.rule = problem.rule ?? '';
    this.errors = problem.errors ?? [];
  }
}

const OUT_OF_REACH = {
  detail: 'The gateway cannot be reached. Check the network, then try again.',
  code: 'unreachable',
};

let csrf = '';
let signedOut: () => void = () => {};

export function setCsrf(token: string): void {
  csrf = token;
}

/** Called when the gateway says that nobody is signed in any more. */
export function onSignedOut(then: () => void): void {
  signedOut = then;
}

export const api = createClient<paths>({ baseUrl: '', credentials: 'same-origin' });

/** The same gateway through the administrators' door: what this page is a client of when it was served there. */
export const admin = createClient<AdminPaths>({ baseUrl: '', credentials: 'same-origin' });

for (const client of [api, admin]) {
  client.use({
    onRequest({ request }) {
      if (csrf && request.method !== 'GET') request.headers.set('X-CSRF-Token', csrf);
      return request;
    },
  });
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's data. Throws a `Refusal` for anything else. */
export async function ask<T>(answer: Promise<Answer<T>>): Promise<T> {
  let came: Answer<T>;
  try {
    came = await answer;
  } catch {
    throw new Refusal(0, OUT_OF_REACH);
  }
  if (came.response.ok && came.data !== undefined) return came.data;
  const problem = typeof came.error === 'object' && came.error !== null ? (came.error as Partial<Problem>) : {};
  const refusal = new Refusal(came.response.status, problem);
  if (refusal.status === 401 && refusal.code === 'not_signed_in') signedOut();
  throw refusal;
}
