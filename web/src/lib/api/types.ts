/** Names for what the API answers, from its schema. */
import type { components as Admin } from '../../../types/admin';
import type { components } from '../../../types/people';

type Schemas = components['schemas'];

export type Me = Schemas['Me'];
export type Role = Schemas['Role'];
export type TargetOffer = Schemas['TargetOffer'];
export type ServiceOffer = Schemas['ServiceOffer'];
export type Channel = Schemas['Channel'];
export type RequestView = Schemas['RequestView'];
export type GrantView = Schemas['GrantView'];
export type SessionView = Schemas['SessionView'];
export type RecordingView = Schemas['RecordingView'];
export type RecordingDetail = Schemas['RecordingDetail'];
export type Timeline = Schemas['Timeline'];
export type TimelineEntry = Schemas['TimelineEntry'];
export type VerificationView = Schemas['VerificationView'];
export type FilePassed = Schemas['FilePassed'];
export type ForwardPassed = Schemas['ForwardPassed'];
export type LineView = Schemas['LineView'];
export type LinePage = Schemas['LinePage'];
export type TypedView = Schemas['TypedView'];
export type TypedPage = Schemas['TypedPage'];
export type EntryView = Schemas['EntryView'];
export type CheckpointView = Schemas['CheckpointView'];
export type Enrolment = Schemas['Enrolment'];
/** The page shows no ranges; openapi-fetch takes their pairs for lists. */
export type FileView = Omit<Schemas['FileView'], 'ranges'>;
export type Verdict = Schemas['Verdict'];
export type ExceptionView = Schemas['ExceptionView'];
export type RiskView = Schemas['RiskView'];
export type TokenView = Schemas['TokenView'];
export type Scope = Schemas['Scope'];
export type HostKeyView = Schemas['HostKeyView'];
export type Ticket = Schemas['TicketView'];
export type Problem = Schemas['Problem'];

type Administration = Admin['schemas'];
export type DiffView = Schemas['DiffView'];
export type CaseRunView = Administration['CaseRunView'];
export type ValidationView = Administration['ValidationView'];
export type ExplainView = Administration['ExplainView'];
export type WhoCanView = Administration['WhoCanView'];
