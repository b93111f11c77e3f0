// Removes images that no container uses when the disk fills up, the longest unused first. Upstream:
// pkg/kubelet/images/image_gc_manager.go.
import { statfs } from 'node:fs/promises';
import type { Clock } from '../../machinery/clock.ts';
import { parseGoDuration } from '../../machinery/duration.ts';
import type { Logger } from '../../machinery/log.ts';
import type { Image } from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import type { PullRecords } from './pull-records.ts';

const imageGcPeriodMs = 5 * 60_000;

/** As in upstream's KubeletConfiguration. */
export const defaultImageGc = {
  /** From this use of the disk on images are removed; never, where it is 100. */
  imageGCHighThresholdPercent: 85,
  /** Until no more than this is in use. */
  imageGCLowThresholdPercent: 80,
  /** An image that was just pulled is about to be used. */
  imageMinimumGCAge: '2m0s',
  /** An image that nobody has used for so long goes however much room there is; 0s for never. */
  imageMaximumGCAge: '0s',
};
export type ImageGcSettings = typeof defaultImageGc;

/** Throws an Error that says what is wrong. */
export function checkImageGc(settings: ImageGcSettings): void {
  const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low } = settings;
  for (const [name, percent] of Object.entries({ High: high, Low: low })) {
    if (!(percent >= 0 && percent <= 100))
      throw new Error(`imageGC${name}ThresholdPercent must be between 0 and 100: ${percent}`);
  }
  if (low >= high)
    throw new Error(`imageGCLowThresholdPercent (${low}) must be less than imageGCHighThresholdPercent (${high})`);
  const { imageMinimumGCAge: least, imageMaximumGCAge: most } = settings;
  for (const [name, age] of Object.entries({ imageMinimumGCAge: least, imageMaximumGCAge: most }))
    if (parseGoDuration(age) < 0) throw new Error(`${name} ${age} must not be negative`);
  if (parseGoDuration(most) > 0 && parseGoDuration(most) <= parseGoDuration(least))
    throw new Error(`imageMaximumGCAge ${most} must be greater than imageMinimumGCAge ${least}`);
}

export interface UnusedImage {
  image: Image;
  lastUsedMs: number;
  seenMs: number;
}

/** The images to remove, in order, so that `toFreeBytes` become free. */
export function chooseImages(
  unused: readonly UnusedImage[],
  { toFreeBytes, nowMs, minAgeMs }: { toFreeBytes: number; nowMs: number; minAgeMs: number },
): Image[] {
  const out: Image[] = [];
  let freed = 0;
  for (const { image, seenMs } of unused.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs || a.seenMs - b.seenMs)) {
    if (freed >= toFreeBytes) break;
    if (image.pinned || nowMs - seenMs < minAgeMs) continue;
    out.push(image);
    freed += Number(image.size);
  }
  return out;
}

interface ImageGcDeps {
  cri: CriClient;
  clock: Clock;
  log: Logger;
  records: Pick<PullRecords, 'prune'>;
}

export class ImageGarbageCollector {
  readonly #deps: ImageGcDeps;
  readonly #settings: ImageGcSettings;
  readonly #startMs: number;
  /** Since when each is known, and when it was last in use. */
  #images = new Map<string, { lastUsedMs: number; seenMs: number }>();
  /** Where images lie, once the runtime has said so. */
  #mountPoint: string | undefined;

  /** Throws for settings that are none. */
  constructor(deps: ImageGcDeps, settings: ImageGcSettings) {
    checkImageGc(settings);
    this.#deps = deps;
    this.#settings = settings;
    this.#startMs = deps.clock.now();
  }

  get mountPoint(): string | undefined {
    return this.#mountPoint;
  }

  start(): void {
    const tell = (err: unknown) => this.#deps.log.warn({ err }, 'images could not be collected');
    // What is there already has been there for long.
    this.#findUnused(0).catch(tell);
    this.#deps.clock.every(imageGcPeriodMs, () => void this.collect().catch(tell));
  }

  /** Notes which images are in use, and removes those that are too old, and some when the disk is too full. */
  async collect(): Promise<void> {
    const nowMs = this.#deps.clock.now();
    const unused = await this.#findUnused();
    const maxAgeMs = parseGoDuration(this.#settings.imageMaximumGCAge);
    // What is there at the start may just have been used.
    const isOld = ({ lastUsedMs, seenMs }: UnusedImage) =>
      maxAgeMs > 0 && nowMs - Math.max(lastUsedMs, seenMs, this.#startMs) > maxAgeMs;
    await this.#remove(unused.filter(isOld), Number.POSITIVE_INFINITY);
    const toFreeBytes = await this.#excessBytes();
    const others = unused.filter((one) => !isOld(one));
    if (toFreeBytes > 0) await this.#remove(others, toFreeBytes);
    this.#deps.records.prune(new Set(this.#images.keys()), nowMs);
  }

  /** Removes every image that nobody uses, and that was not just pulled. */
  async removeUnused(): Promise<void> {
    await this.#remove(await this.#findUnused(), Number.POSITIVE_INFINITY);
  }

  async #remove(unused: readonly UnusedImage[], toFreeBytes: number): Promise<void> {
    const minAgeMs = parseGoDuration(this.#settings.imageMinimumGCAge);
    for (const image of chooseImages(unused, { toFreeBytes, nowMs: this.#deps.clock.now(), minAgeMs })) {
      this.#deps.log.info({ image: image.id, names: image.repo_tags }, 'removing an unused image');
      try {
        await this.#deps.cri.images.RemoveImage({ image: { image: image.id } });
        this.#images.delete(image.id);
      } catch (err) {
        // A container may be made of it by now; the others are still worth removing.
        this.#deps.log.warn({ err, image: image.id }, 'an image could not be removed');
      }
    }
  }

  async #findUnused(sinceMs = this.#deps.clock.now()): Promise<UnusedImage[]> {
    const now = this.#deps.clock.now();
    const [{ images }, { containers }] = await Promise.all([
      this.#deps.cri.images.ListImages({}),
      this.#deps.cri.runtime.ListContainers({}),
    ]);
    const used = new Set(containers.map((c) => c.image_id));
    const known = this.#images;
    this.#images = new Map(
      images.map(({ id }) => {
        const { lastUsedMs = 0, seenMs = sinceMs } = known.get(id) ?? {};
        return [id, { lastUsedMs: used.has(id) ? now : lastUsedMs, seenMs }];
      }),
    );
    return images.filter(({ id }) => !used.has(id)).map((image) => ({ image, ...this.#images.get(image.id)! }));
  }

  /** How much is too much on the file system of images. */
  async #excessBytes(): Promise<number> {
    const { image_filesystems } = await this.#deps.cri.images.ImageFsInfo({});
    const mountPoint = image_filesystems[0]?.fs_id?.mountpoint;
    if (!mountPoint) return 0;
    this.#mountPoint = mountPoint;
    const { imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: low } = this.#settings;
    if (high >= 100) return 0;
    const { blocks, bavail, bsize } = await statfs(mountPoint);
    const usedPercent = 100 - (bavail * 100) / blocks;
    return usedPercent < high ? 0 : ((usedPercent - low) / 100) * blocks * bsize;
  }
}
