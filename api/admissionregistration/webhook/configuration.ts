// What the two kinds of webhook configurations have in common beside their webhooks.
import { jsonEqual } from '../../../machinery/json.ts';
import { type Column, column } from '../../../machinery/kind.ts';
import { ageColumn } from '../../meta/columns.ts';

interface WithWebhooks {
  webhooks?: readonly unknown[];
}

const webhooksColumn: Column<WithWebhooks> = column(
  'Webhooks',
  'integer',
  'Number of webhooks.',
  ({ webhooks }) => webhooks?.length ?? 0,
);

export const webhookConfiguration = {
  scope: 'Cluster',
  demandsVersion: true,
  categories: ['api-extensions'],
  hasGeneration: true,
  bumpsGeneration: (next: WithWebhooks, old: WithWebhooks) => !jsonEqual(next.webhooks, old.webhooks),
  columns: [webhooksColumn, ageColumn],
} as const;
