/** Moments and durations in words. */

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

const sameDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const sameYear = new Intl.DateTimeFormat(undefined, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const any = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** In the person's zone, as short as `now` allows: "14:05", "3 Nov, 14:05". */
export function moment(iso: string, now: number): string {
  const at = new Date(iso);
  const today = new Date(now);
  if (at.toDateString() === today.toDateString()) return sameDay.format(at);
  return at.getFullYear() === today.getFullYear() ? sameYear.format(at) : any.format(at);
}

export function momentExact(iso: string): string {
  return exact.format(new Date(iso));
}

export function utc(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** "1:02:03" or "2:03". */
export function stopwatch(seconds: number): string {
  const s = Math.max(Math.floor(seconds), 0);
  const two = (n: number) => String(n).padStart(2, '0');
  const hours = Math.floor(s / HOUR);
  const rest = `${two(Math.floor((s % HOUR) / MINUTE))}:${two(s % MINUTE)}`;
  return hours > 0 ? `${hours}:${rest}` : rest.replace(/^0/, '');
}

/** "45 min", "1 h 30 min", "2 d 4 h". */
export function span(minutes: number): string {
  const all = Math.max(Math.round(minutes), 0);
  const [d, h, m] = [Math.floor(all / 1440), Math.floor((all % 1440) / 60), all % 60];
  const parts = [d && `${d} d`, h && `${h} h`, m && !d && `${m} min`].filter(Boolean);
  return parts.join(' ') || '0 min';
}

/** "just now", "40 s", "5 min", "3 h". */
export function age(seconds: number): string {
  if (seconds < 5) return 'just now';
  if (seconds < MINUTE) return `${Math.floor(seconds)} s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  return seconds < DAY ? `${Math.floor(seconds / HOUR)} h ago` : `${Math.floor(seconds / DAY)} d ago`;
}

/** Value of a `datetime-local` field for `ms`, in the person's zone. */
export function toField(ms: number): string {
  const at = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return at.toISOString().slice(0, 16);
}

/** What was typed into a `datetime-local` field, with its zone; empty when it is no moment. */
export function fromField(value: string): string {
  const ms = new Date(value).getTime();
  return Number.isNaN(ms) ? '' : new Date(ms).toISOString();
}

export function octets(n: number): string {
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${(n / 1e3).toFixed(1)} kB`;
  return n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`;
}
