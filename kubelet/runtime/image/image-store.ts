// Images on this node: a record each, by the digest of their config, with all the names they are known by.
import { createHash } from 'node:crypto';
import { removeTreeSync } from '../../../host/remove-tree.ts';
import { formatReference, parseImageId, parseReference } from '../../../machinery/image-reference.ts';
import { asInvalid } from '../errors.ts';
import { RecordStore } from '../store/checkpoint.ts';
import { type ImageConfig, parseImageConfig } from './image-config.ts';
import type { LayerStore } from './layer-store.ts';

export interface ImageRecord {
  /** Hex digits of the digest of the config; with `sha256:` before it, the interface's image id. */
  id: string;
  /** Full names with a tag. */
  tags: string[];
  /** Full names with a digest. */
  digests: string[];
  sizeBytes: number;
  config: ImageConfig;
  diffIds: string[];
}

export class ImageStore {
  readonly layers: LayerStore;
  #records: RecordStore<ImageRecord>;

  constructor(dir: string, layers: LayerStore) {
    this.layers = layers;
    this.#records = new RecordStore(dir);
    for (const id of this.#records.load().leftovers) removeTreeSync(this.#records.dirOf(id));
  }

  list(): ImageRecord[] {
    return this.#records.list();
  }

  /** Finds an image by id, name with tag, or name with digest. Undefined when absent; a malformed name is INVALID_ARGUMENT. */
  find(text: string): ImageRecord | undefined {
    const id = parseImageId(text);
    if (id) return this.#records.get(id);
    if (/^[0-9a-f]{12,63}$/.test(text)) {
      const byPrefix = this.#records.find(text);
      if (byPrefix) return byPrefix;
    }
    const name = formatReference(asInvalid(() => parseReference(text)));
    return this.list().find((r) => r.tags.includes(name) || r.digests.includes(name));
  }

  /** Makes an image of its configuration and of its layers, which `unpack` brings here; answers with their bytes. */
  make(
    configBytes: Buffer,
    layers: { count: number; unpack(diffIds: readonly string[]): Promise<number> },
    names: Pick<ImageRecord, 'tags' | 'digests'>,
  ): Promise<ImageRecord> {
    const { config, diffIds } = parseImageConfig(configBytes);
    if (diffIds.length !== layers.count) throw new Error('the image has more layers than its config names');
    return this.layers.hold(diffIds, async () => {
      const sizeBytes = configBytes.length + (await layers.unpack(diffIds));
      const id = createHash('sha256').update(configBytes).digest('hex');
      return this.#add({ id, ...names, sizeBytes, config, diffIds });
    });
  }

  /** Records an image under more names. A tag belongs to one image: another that had it loses it. */
  #add(image: ImageRecord): ImageRecord {
    for (const other of this.list()) {
      const tags = other.tags.filter((t) => other.id === image.id || !image.tags.includes(t));
      if (tags.length !== other.tags.length) this.#records.update(other.id, { tags });
    }
    const known = this.#records.get(image.id);
    const merge = (a: readonly string[] = [], b: readonly string[]) => [...new Set([...a, ...b])];
    const record = { ...image, tags: merge(known?.tags, image.tags), digests: merge(known?.digests, image.digests) };
    this.#records.save(record);
    return record;
  }

  /** Removes an image with all its names, and the layers that nothing needs any more. */
  async remove(id: string): Promise<void> {
    const forgotten = this.#records.remove(id);
    await this.removeUnusedLayers();
    await forgotten;
  }

  async removeUnusedLayers(): Promise<void> {
    // Layers of an image that cannot be read may be in use: which ones they are is not known.
    if (!this.#records.hasSetAside) await this.layers.removeUnused(new Set(this.list().flatMap((r) => r.diffIds)));
  }
}

export const imageIdOf = (record: ImageRecord) => `sha256:${record.id}`;

/** What a container's status names its image by: a digest name where there is one, else the id. */
export const imageRefOf = (record: ImageRecord) => record.digests[0] ?? imageIdOf(record);
