// The kubelet's own configuration, as far as it can be changed here: fields, and the flags of `k8ts kubelet` that they
// become. What the values mean is the kubelet's to say: check.ts asks it.
// https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
import type { ClusterConfig } from './cluster-config.ts';
import type { Field } from './documents.ts';

type FlagValue = string | number | boolean;
type Setting = readonly [flag: string, read: (field: Field) => FlagValue];
interface Settings {
  readonly [name: string]: Setting | Settings;
}

const text = (field: Field) => field.text();
const whole = (field: Field) => field.integer();
const names = (field: Field) =>
  field
    .items()
    .map((name) => {
      if (name.text().includes(',')) throw name.refuse('must not have any of ,');
      return name.text();
    })
    .join();
const isOn = (field: Field) => field.boolean();

/** Texts that fit a list of flags. */
const pairs = (sign: string) => (field: Field) =>
  field
    .entries()
    .map(([key, value]) => {
      if (/[,<=]/.test(key) || /[,<=]/.test(value.text())) throw value.refuse('must not have any of , < =');
      return `${key}${sign}${value.text()}`;
    })
    .join();

const settings: Settings = {
  evictionHard: ['eviction-hard', pairs('<')],
  evictionSoft: ['eviction-soft', pairs('<')],
  evictionSoftGracePeriod: ['eviction-soft-grace-period', pairs('=')],
  evictionMinimumReclaim: ['eviction-minimum-reclaim', pairs('=')],
  evictionMaxPodGracePeriod: ['eviction-max-pod-grace-period', whole],
  evictionPressureTransitionPeriod: ['eviction-pressure-transition-period', text],
  imageGCHighThresholdPercent: ['image-gc-high-threshold', whole],
  imageGCLowThresholdPercent: ['image-gc-low-threshold', whole],
  imageMinimumGCAge: ['minimum-image-ttl-duration', text],
  imageMaximumGCAge: ['maximum-image-ttl-duration', text],
  imagePullCredentialsVerificationPolicy: ['image-pull-credentials-verification-policy', text],
  preloadedImagesVerificationAllowlist: ['preloaded-images-verification-allowlist', names],
  crashLoopBackOff: { maxContainerRestartPeriod: ['max-container-restart-period', text] },
  userNamespaces: { idsPerPod: ['user-namespaces-ids-per-pod', whole] },
  rotateCertificates: ['rotate-certificates', isOn],
  serverTLSBootstrap: ['rotate-server-certificates', isOn],
  authentication: {
    anonymous: { enabled: ['anonymous-auth', isOn] },
    webhook: {
      enabled: ['authentication-token-webhook', isOn],
      cacheTTL: ['authentication-token-webhook-cache-ttl', text],
    },
  },
  authorization: {
    mode: ['authorization-mode', text],
    webhook: {
      cacheAuthorizedTTL: ['authorization-webhook-cache-authorized-ttl', text],
      cacheUnauthorizedTTL: ['authorization-webhook-cache-unauthorized-ttl', text],
    },
  },
};

/** Adds what the document says. Throws UserError. */
export function readKubeletConfiguration(document: Field, config: ClusterConfig): void {
  const fields = document.fields([
    'apiVersion',
    'kind',
    'singleProcessOOMKill',
    'staticPodPath',
    ...Object.keys(settings),
  ]);
  const { apiVersion, kind: _, singleProcessOOMKill, staticPodPath, ...rest } = fields;
  apiVersion?.oneOf(['kubelet.config.k8s.io/v1beta1']);
  if (singleProcessOOMKill)
    config.singleProcessOOMKill = { value: singleProcessOOMKill.boolean(), place: singleProcessOOMKill.place };
  if (staticPodPath) {
    const path = staticPodPath.text();
    if (path !== '' && !path.startsWith('/')) throw staticPodPath.refuse('must be an absolute path');
    config.staticPodPath = path;
  }
  const flags = flagsOf(rest, settings);
  if (flags.length === 0) return;
  config.kubelet = { flags: { ...config.kubelet?.flags, ...Object.fromEntries(flags) }, place: document.place };
}

function flagsOf(fields: { [name: string]: Field | undefined }, known: Settings): [string, FlagValue][] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const setting = known[name]!;
    if (!field) return [];
    if (isSetting(setting)) return [[setting[0], setting[1](field)]];
    return flagsOf(field.fields(Object.keys(setting)), setting);
  });
}

const isSetting = (one: Setting | Settings): one is Setting => Array.isArray(one);
