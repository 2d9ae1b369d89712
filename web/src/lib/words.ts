/** What the API's stable words are called on the page. */
import type { Channel, GrantView, Me, RequestView } from './api/types';

const CHANNEL: Record<string, string> = {
  shell: 'interactive shell',
  exec: 'single commands',
  'sftp.read': 'read files',
  'sftp.write': 'write files',
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

const PROTOCOL: Record<string, string> = { ssh: 'Terminal (SSH)', rdp: 'Desktop (RDP)', tcp: 'Port (TCP)' };

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

/** What a person types to connect under a grant. */
export function sshCommand(me: Me, grant: GrantView): string {
  const port = me.ssh_port === 22 ? '' : `-p ${me.ssh_port} `;
  return `ssh ${port}${me.name}+${grant.target}@${location.hostname}`;
}
