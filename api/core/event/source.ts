// The component that reports an event; both forms of events carry it.
// In a file of its own because the two import nothing else from each other.
import { s } from '../../../machinery/schema.ts';

export const eventSource = s.api('core.v1.EventSource', 'Who reports an event.', {
  component: s.string('Component name.'),
  host: s.string('Node name.'),
});
