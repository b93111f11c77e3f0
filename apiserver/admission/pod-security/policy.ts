// The policy of a namespace, read off its labels, and what of a pod violates it.
// https://kubernetes.io/docs/concepts/security/pod-security-admission/
import { type FieldError, invalid } from '../../../machinery/field-error.ts';
import { checks, type PodLike, type Violation } from './checks.ts';

const levels = ['privileged', 'baseline', 'restricted'] as const;
export type Level = (typeof levels)[number];

export interface LevelVersion {
  level: Level;
  /** `latest` or `v1.N`. */
  version: string;
}

export type Mode = 'enforce' | 'audit' | 'warn';
export type Policy = Record<Mode, LevelVersion>;

const prefix = 'pod-security.kubernetes.io/';
const newestMinor = 36;
const versionPattern = /^v1\.(0|[1-9]\d{0,3})$/;

/** How strict a level is: 0 is not at all. */
export const strictness = (level: Level): number => levels.indexOf(level);
export const describeLevel = ({ level, version }: LevelVersion): string => `${level}:${version}`;

/**
 * What cannot be read is enforced as the strictest that it may mean, and nothing is said about it. Warnings are of
 * what is enforced, unless they have a level of their own. Upstream: PolicyToEvaluate.
 */
export function readPolicy(labels: Readonly<Record<string, string>>): { policy: Policy; errors: FieldError[] } {
  const errors: FieldError[] = [];
  const read = (mode: Mode): LevelVersion => {
    const name = `${prefix}${mode}`;
    const asked = labels[name];
    const level = levels.find((one) => one === asked);
    if (asked !== undefined && level === undefined) {
      errors.push(invalid(`metadata.labels[${name}]`, asked, `must be one of ${levels.join(', ')}`));
    }
    const askedVersion = labels[`${name}-version`];
    const isVersion = askedVersion === 'latest' || versionPattern.test(askedVersion ?? 'latest');
    if (askedVersion !== undefined && !isVersion) {
      const why = 'must be "latest" or "v1.x"';
      errors.push(invalid(`metadata.labels[${name}-version]`, askedVersion, why));
    }
    const version = askedVersion !== undefined && isVersion ? askedVersion : 'latest';
    return { level: level ?? (asked !== undefined && mode === 'enforce' ? 'restricted' : 'privileged'), version };
  };
  const policy = { enforce: read('enforce'), audit: read('audit'), warn: read('warn') };
  const isEnforced = labels[`${prefix}enforce`] === policy.enforce.level && policy.enforce.level !== 'privileged';
  if (labels[`${prefix}warn`] === undefined && isEnforced) {
    const isDated = labels[`${prefix}warn-version`] !== undefined;
    policy.warn = { ...policy.enforce, ...(isDated && { version: policy.warn.version }) };
  }
  return { policy, errors };
}

export function violationsOf({ level, version }: LevelVersion, pod: PodLike): Violation[] {
  if (level === 'privileged') return [];
  const minor = Math.min(newestMinor, Number(versionPattern.exec(version)?.[1] ?? newestMinor));
  const isSaidAnew = (c: (typeof checks)[number]) => c.overridden !== undefined && minor >= c.overridden;
  return checks
    .filter((c) => minor >= c.since && (level === 'restricted' ? !isSaidAnew(c) : c.level === 'baseline'))
    .map((c) => c.check(pod, minor))
    .filter((violation) => violation !== undefined);
}

export const describeViolations = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
