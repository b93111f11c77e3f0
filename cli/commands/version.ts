// `k8ts version`.
import manifest from '../../package.json' with { type: 'json' };

export function version(): void {
  process.stdout.write(`k8ts ${manifest.version} (Node.js ${process.version})\n`);
}
