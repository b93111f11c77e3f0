// `k8ts test`: every check that gates a change, by scripts/test.mjs. The last line of its output is the summary.
import { join } from 'node:path';
import { UserError } from '../user-error.ts';
import { runThrough } from './kubectl.ts';

const gatingTiers = ['types', 'lint', 'unit', 'integration', 'simulation', 'robustness', 'fuzz', 'e2e', 'vm'];
/** With `--all`. */
const longTiers = ['conformance', 'long'];

/** For each fuzz and robustness suite, with `--all`. */
const longFuzzSeconds = '600';

export async function test(filters: string[], options: { all?: boolean }): Promise<void> {
  const root = process.env.K8TS_ROOT;
  if (root === undefined) throw new UserError('the tests are run by the launcher: ./k8ts test');
  // With filters only tests are asked for, not the checks of the whole tree.
  const tiers = filters.length > 0 ? gatingTiers.filter((tier) => tier !== 'types' && tier !== 'lint') : gatingTiers;
  const args = [join(root, 'scripts/test.mjs'), [...tiers, ...(options.all ? longTiers : [])].join(','), ...filters];
  const env = options.all ? { K8TS_FUZZ_SECONDS: longFuzzSeconds, ...process.env } : process.env;
  process.exitCode = await runThrough(process.execPath, args, env, root);
}
