/** What the API's stable words are called on the page. */
import type { Channel, ExceptionView, RequestView } from './api/types';

const CHANNEL: Record<string, string> = {
  shell: 'interactive shell',
  exec: 'single commands',
  'sftp.read': 'take files from the target',
  'sftp.write': 'bring files to the target',
  'sftp.delete': 'delete files and folders',
  'sftp.rename': 'rename and move files',
  'sftp.mkdir': 'make folders',
  forward: 'connections to services',
  desktop: 'see the screen',
  'desktop.input': 'use keyboard and mouse',
  display: 'set the size of the screen',
  'clipboard.in': 'paste text into the target',
  'clipboard.out': 'copy text from the target',
  drive: 'share own drives',
  printer: 'print',
  'audio.in': 'microphone',
  'audio.out': 'sound',
  usb: 'USB devices',
  smartcard: 'smart cards',
};

export function channelWords(channel: Channel): string {
  return CHANNEL[channel] ?? channel;
}

export function channelList(channels: readonly Channel[]): string {
  return channels.map(channelWords).join(', ');
}

/** Channels of files, in the order in which one reads them. */
export const FILES: readonly Channel[] = ['sftp.read', 'sftp.write', 'sftp.mkdir', 'sftp.rename', 'sftp.delete'];

/** What an approver must know of what is asked for, one sentence each. */
export function consequences(channels: readonly Channel[], services: readonly string[]): string[] {
  const has = (...any: Channel[]) => any.some((c) => channels.includes(c));
  const said: string[] = [];
  if (has('shell', 'exec')) said.push('Who has a shell or commands can also move, change and remove files.');
  if (has('sftp.write') && !has('shell', 'exec')) said.push('Files on the target can be replaced.');
  if (has('sftp.delete', 'sftp.rename') && !has('shell', 'exec'))
    said.push('Files on the target can vanish from their place.');
  if (services.length > 0)
    said.push('What a program says to a service is not looked into: the recording has when, where to and how much.');
  return said;
}

/** What the policy makes of files, one sentence each. */
export function fileDuties(of: Pick<RequestView, 'file_paths' | 'file_copy' | 'file_hold'>): string[] {
  const said: string[] = [];
  if (of.file_paths) said.push(`Only files below ${of.file_paths.join(', ')} are reached.`);
  if (of.file_hold) said.push('What is brought waits until an owner or the control room delivers it.');
  if (of.file_copy) said.push('The content of each file is kept with the recording.');
  return said;
}

const PROTOCOL: Record<string, string> = { ssh: 'Terminal (SSH)', rdp: 'Desktop (RDP)', tcp: 'Services (TCP)' };

export function protocolWords(protocol: string): string {
  return PROTOCOL[protocol] ?? protocol;
}

const TIER: Record<string, string> = {
  T0: 'T0 · monitoring',
  T1: 'T1 · standard cell',
  T2: 'T2 · critical process',
  T3: 'T3 · safety',
};

export function tierWords(tier: string): string {
  return TIER[tier] ?? tier;
}

/** What is still missing before a request is approved, in words. */
export function approvalsMissing(request: RequestView): string {
  const missing = request.approvals_needed - request.approvals.length;
  if (missing <= 0) return '';
  const roles = request.approver_roles.length > 0 ? ` (${request.approver_roles.join(', ')})` : '';
  return missing === 1 ? `waits for one approval${roles}` : `waits for ${missing} approvals${roles}`;
}

const END: Record<string, string> = {
  client: 'the person left',
  lost: 'the network was lost',
  target: 'the target closed it',
  expired: 'its time ran out',
  idle: 'nothing was typed for too long',
  revoked: 'the grant was revoked',
  killed: 'it was killed',
  isolated: 'the site was isolated',
  observer: 'the observer left',
  recorder: 'the recorder failed',
  policy: 'the policy no longer permits it',
  gateway: 'the gateway stopped',
};

export function endWords(reason: string): string {
  return END[reason] ?? reason;
}

const EXCEPTION: Record<string, string> = { 'legacy-crypto': 'old cryptography' };

/** What is set aside, and for what: `old cryptography (rdp)`. */
export function exceptionWords(one: Pick<ExceptionView, 'kind' | 'service'>): string {
  return (EXCEPTION[one.kind] ?? one.kind) + (one.service ? ` (${one.service})` : '');
}
