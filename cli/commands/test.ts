// `k8ts test`: every check that gates a change, by scripts/test.mjs. The last line of its output is the summary.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { UserError } from '../user-error.ts';

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
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve(exitCode ?? 1));
  });
  process.exitCode = code;
}
