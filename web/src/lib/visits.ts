/** Which session belongs to which grant. A session has its grant from its start; one that waits is matched by what it
 * wants, as the gateway will. */
import type { GrantView, SessionView } from './api/types';

const OVER = ['ending', 'ended'];

export function covers(grant: GrantView, session: SessionView): boolean {
  if (OVER.includes(session.state)) return false;
  if (session.grant) return session.grant === grant.id;
  return (
    (grant.state === 'scheduled' || grant.state === 'live') &&
    grant.person === session.person &&
    grant.target === session.target &&
    grant.protocol === session.protocol
  );
}
