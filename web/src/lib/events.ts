/** Entries of a recording's timeline, as a person reads them. */
import type { TimelineEntry } from './api/types';
import { span } from './times';

export interface Event {
  at_us: number;
  kind: 'decision' | 'notice' | 'clipboard';
  title: string;
  words: string;
  actor: string;
}

/** By the name of the audit event, or of the decision in the recording. */
const TITLES: Record<string, string> = {
  'access.request.made': 'Asked for access',
  'access.approval.given': 'Approved',
  'access.release.armed': 'Released',
  'access.release.withdrawn': 'Release withdrawn',
  'access.grant.extended': 'Extended',
  'access.grant.revoked': 'Grant revoked',
  'session.visit.arrived': 'Came to the gateway',
  'session.visit.started': 'Session started',
  held: 'Held before it started',
  connection: 'Connection opened',
  'connection closed': 'Connection closed',
  pause: 'Paused',
  resume: 'Resumed',
  'extension asked': 'Asked for more time',
  end: 'Ended',
  'watch began': 'Watching began',
  'watch ended': 'Watching ended',
};

/** What another entry says already. */
const REPEATED = [
  'access.request.approved',
  'access.grant.made',
  'access.grant.started',
  'access.release.used',
  'extended',
];

function name(entry: TimelineEntry): string {
  return entry.kind === 'decision' && typeof entry.value.event === 'string' ? entry.value.event : entry.kind;
}

function isRepeated(entry: TimelineEntry): boolean {
  const which = name(entry);
  return REPEATED.includes(which) || (which.startsWith('session.') && !(which in TITLES));
}

function title(entry: TimelineEntry): string {
  if (entry.kind === 'notice') return 'The person was told';
  if (entry.kind === 'clipboard') return 'Clipboard';
  const which = name(entry);
  const seconds = entry.value.seconds ?? entry.value.by;
  const amount = typeof seconds === 'number' ? ` (${span(seconds / 60)})` : '';
  const known = TITLES[which] ?? which.split('.').slice(-2).join(' ');
  return known.charAt(0).toUpperCase() + known.slice(1) + amount;
}

export function eventsOf(entries: readonly TimelineEntry[]): Event[] {
  return entries
    .filter((e) => !isRepeated(e))
    .map((e) => ({
      at_us: e.at_us,
      kind: e.kind === 'notice' || e.kind === 'clipboard' ? e.kind : 'decision',
      title: title(e),
      words: e.words,
      actor: e.actor,
    }));
}
