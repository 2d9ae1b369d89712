/** The key by which the gateway knows a service: what an owner reads at the machine, and how he gets it there. */
import type { HostKeyView } from './api/types';

const DIGEST = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}(?![A-Za-z0-9+/])/;

/** The fingerprint in what was typed or pasted (a whole line of `ssh-keygen -l`, a digest alone), as the gateway spells it. */
export function fingerprintIn(text: string, protocol: string): string {
  const digest = DIGEST.exec(text.replace(/^.*SHA256:/s, ''))?.[0];
  return digest ? `${protocol === 'rdp' ? 'SPKI-SHA256' : 'SHA256'}:${digest}` : '';
}

/** Whether the target is kept out until an owner decides. */
export function alarming(key: HostKeyView): boolean {
  return key.shown !== null && key.shown !== undefined;
}

export function keyWords(protocol: string): string {
  return protocol === 'rdp' ? 'certificate' : 'host key';
}

interface Reading {
  where: string;
  command: string;
}

const DIGEST_OF = '-noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64';

export function readings(protocol: string): Reading[] {
  if (protocol !== 'rdp') {
    return [{ where: 'In a console of the machine', command: 'ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub' }];
  }
  return [
    {
      where: "Windows: export the certificate from the computer's store “Remote Desktop” as DER, carry the file, then",
      command: `openssl x509 -inform der -in exported.cer ${DIGEST_OF}`,
    },
    { where: 'xrdp: in a console of the machine', command: `openssl x509 -in /etc/xrdp/cert.pem ${DIGEST_OF}` },
  ];
}
