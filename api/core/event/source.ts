// The component that reports an event; both forms of events carry it.
// In a file of its own because the two import nothing else from each other.
import { s, type TypeOf } from '../../../machinery/schema.ts';

export const eventSource = s.object('io.k8s.api.core.v1.EventSource', 'Who reports an event.', {
  component: s.string('Component name.'),
  host: s.string('Node name.'),
});
export interface EventSource extends TypeOf<typeof eventSource> {}
