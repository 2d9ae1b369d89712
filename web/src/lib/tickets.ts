/** What the gateway hands out to open a desktop with. */
import type { components } from './api/schema';

export type Ticket = components['schemas']['TicketView'];
