/** What a person types to use a grant, ready to copy. */
import type { Channel, GrantView, Me } from './api/types';
import { FILES } from './words';

export interface Command {
  /** What it does; stands before the command. */
  what: string;
  text: string;
}

const LOCAL_PORT = 9001; // of this machine, for the first service; the next one has the next

export function commands(me: Me, grant: GrantView, host: string): Command[] {
  const has = (...any: Channel[]) => any.some((c) => grant.channels.includes(c));
  const small = me.ssh_port === 22 ? '' : `-p ${me.ssh_port} `;
  const large = me.ssh_port === 22 ? '' : `-P ${me.ssh_port} `;
  const login = `${me.name}+${grant.target}@${host}`;
  const found: Command[] = [];
  if (has('shell', 'exec')) found.push({ what: 'Command to connect', text: `ssh ${small}${login}` });
  if (has(...FILES)) found.push({ what: 'Files, one by one', text: `sftp ${large}${login}` });
  if (has('sftp.read')) found.push({ what: 'Take a file', text: `scp ${large}${login}:FILE .` });
  if (has('sftp.write')) found.push({ what: 'Bring a file', text: `scp ${large}FILE ${login}:` });
  grant.services.forEach((service, i) => {
    const port = LOCAL_PORT + i;
    found.push({
      what: `${service}, at localhost:${port} of your machine`,
      text: `ssh -N ${small}-L ${port}:${service}:${port} ${login}`,
    });
  });
  return found;
}

/** By way of the gateway, for programs that know targets by their own names; null where there is nothing to log in to. */
export function jump(me: Me, grant: GrantView, host: string): string | null {
  if (!grant.account || grant.protocol !== 'ssh') return null;
  const way = me.ssh_port === 22 ? host : `${host}:${me.ssh_port}`;
  return `ssh -J ${me.name}@${way} ${grant.account}@${grant.target}`;
}
