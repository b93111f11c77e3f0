// Validation of what annotations once said of pods, beside the fields that say it today, and of those that still do.
// Upstream: ValidatePodSpecificAnnotations and what stands with it in pkg/apis/core/validation.
import { append, type FieldError, forbidden, invalid } from '../../../machinery/field-error.ts';
import type { Labels } from '../../../machinery/labels.ts';
import { containersOf, containersWithPaths } from './containers.ts';
import { mirrorAnnotation } from './mirror.ts';
import { validateDescendingPath } from './path-validation.ts';
import type { PodSpec } from './pod-spec.ts';

const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';
export const seccompOfPod = 'seccomp.security.alpha.kubernetes.io/pod';
export const seccompOfContainer = 'container.seccomp.security.alpha.kubernetes.io/';
export const appArmor = 'container.apparmor.security.beta.kubernetes.io/';
const maxInt32 = 2 ** 31 - 1;

type Annotated = { annotations?: Labels } | undefined;

function validateSeccomp(profile: string, path: string): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return [];
  if (!profile.startsWith('localhost/')) return [invalid(path, profile, 'must be a valid seccomp profile')];
  return validateDescendingPath(profile.slice('localhost/'.length), path);
}

const isAppArmorProfile = (profile: string) =>
  ['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith('localhost/');

/** `path` is that of the annotations. */
export function validatePodAnnotations(metadata: Annotated, spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let names: Set<string> | undefined;
  for (const [key, value] of Object.entries(metadata?.annotations ?? {})) {
    const at = `${path}[${key}]`;
    if (key === mirrorAnnotation && !spec.nodeName) {
      errors.push(invalid(at, value, 'must set spec.nodeName if mirror pod annotation is set'));
    } else if (key === deletionCost) {
      const isFine = /^(0|-?[1-9]\d*)$/.test(value) && Math.abs(Number(value)) <= maxInt32;
      if (!isFine) errors.push(invalid(at, value, 'must be a 32bit integer'));
    } else if (key === seccompOfPod || key.startsWith(seccompOfContainer)) {
      append(errors, validateSeccomp(value, `${path}.${key}`));
    } else if (key.startsWith(appArmor)) {
      const name = key.slice(appArmor.length);
      names ??= new Set(containersOf(spec).map((container) => container.name));
      if (!names.has(name)) errors.push(invalid(at, name, 'container not found'));
      const detail = `invalid AppArmor profile name: ${JSON.stringify(value)}`;
      if (!isAppArmorProfile(value)) errors.push(invalid(at, value, detail));
    }
  }
  return errors;
}

interface Profile {
  type?: string;
  localhostProfile?: string;
}

/** Where both are given, the annotation and the field say the same. */
function compare(what: string, annotation: string | undefined, profile: Profile | undefined, path: string) {
  const { type, localhostProfile } = profile ?? {};
  if (annotation === undefined) return [];
  const mismatch = (field: string, word: string) => [
    forbidden(`${path}.${field}`, `${what} ${word} in annotation and field must match`),
  ];
  const isDefault = annotation === 'runtime/default' || (what === 'seccomp' && annotation === 'docker/default');
  if (type === 'Unconfined') return annotation === 'unconfined' ? [] : mismatch('type', 'type');
  if (type === 'RuntimeDefault') return isDefault ? [] : mismatch('type', 'type');
  if (type !== 'Localhost') return [];
  if (!annotation.startsWith('localhost/')) return mismatch('type', 'type');
  return annotation === `localhost/${localhostProfile}` ? [] : mismatch('localhostProfile', 'profile');
}

/** For new pods and templates; `path` is that of the spec. */
export function validateAnnotationsMatch(metadata: Annotated, spec: PodSpec, path: string): FieldError[] {
  const annotations = metadata?.annotations;
  if (!annotations) return [];
  const ofPod = spec.securityContext;
  const errors = compare(
    'seccomp',
    annotations[seccompOfPod],
    ofPod?.seccompProfile,
    `${path}.securityContext.seccompProfile`,
  );
  for (const { container, at: containerPath } of containersWithPaths(spec, path)) {
    const { name, securityContext: own } = container;
    const at = `${containerPath}.securityContext`;
    const seccomp = annotations[`${seccompOfContainer}${name}`];
    append(errors, compare('seccomp', seccomp, own?.seccompProfile, `${at}.seccompProfile`));
    if (spec.os?.name === 'windows') continue;
    const profile = own?.appArmorProfile ?? ofPod?.appArmorProfile;
    append(errors, compare('apparmor', annotations[`${appArmor}${name}`], profile, `${at}.appArmorProfile`));
  }
  return errors;
}

/** A mirror pod stands for a file on its node and stays one, and a profile is for life. */
export function validateAnnotationsUpdate(next: Annotated, old: Annotated): FieldError[] {
  const [is, was] = [next?.annotations ?? {}, old?.annotations ?? {}];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((key) => {
    const isMirror = key === mirrorAnnotation;
    if (is[key] === was[key] || (!isMirror && !key.startsWith(appArmor))) return [];
    const what = isMirror ? 'mirror pod annotation' : 'AppArmor annotations';
    return [
      forbidden(
        `metadata.annotations[${key}]`,
        `may not ${was[key] === undefined ? 'add' : 'remove or update'} ${what}`,
      ),
    ];
  });
}
