/** Makes a video of a recorded desktop, in this browser: pictures, mouse, and what the person was told. */

import { pointerImage } from './players/desktop-player';
import { Desktops } from './players/desktops';
import { Kind, type Rec } from './players/records';
import { Webm } from './webm';

/** Records in order, piece by piece, with the share of all that has been handed out. */
export type Pieces = AsyncIterable<{ records: Rec[]; share: number }>;

const FRAME_US = 200_000; // five pictures a second, fewer when nothing changes
const STILL_US = 10_000_000; // a still picture is shown again so often
const KEY_US = 10_000_000; // key pictures: where a player can jump to
const WAITING_MOST = 8; // pictures that the encoder may have before it
const NOTICE_US = 6_000_000;
const BITS = 2_000_000; // a second
const CODECS = [
  { codec: 'vp09.00.41.08', name: 'V_VP9' },
  { codec: 'vp8', name: 'V_VP8' },
];

export function canFilm(): boolean {
  return 'VideoEncoder' in window;
}

/** Throws when this browser encodes none of the codecs, or an encoder fails. */
export async function film(pieces: Pieces, duration_us: number, progress: (share: number) => void): Promise<Blob> {
  let camera: Camera | null = null;
  let notice = { words: '', until_us: 0 };
  let at_us = 0;
  const desktops = new Desktops((told) => {
    if (told.kind === 'notice') notice = { words: told.words, until_us: told.at_us + NOTICE_US };
  });
  for await (const { records, share } of pieces) {
    progress(share);
    for (const record of records) {
      if (record.at_us - at_us >= FRAME_US) {
        camera ??= await Camera.of(desktops);
        await camera?.shoot(desktops, at_us, record.at_us, notice);
        at_us = record.at_us - (record.at_us % FRAME_US);
      }
      if (record.kind !== Kind.META) desktops.apply(record);
    }
  }
  camera ??= await Camera.of(desktops);
  if (!camera) throw new Error('There is no picture in this recording.');
  await camera.shoot(desktops, at_us, duration_us, notice);
  return camera.finish(duration_us);
}

/** A canvas of fixed size and the encoder behind it: a desktop of another size is drawn to fit. */
class Camera {
  readonly #canvas: OffscreenCanvas;
  readonly #encoder: VideoEncoder;
  readonly #webm: Webm;
  #failure: Error | null = null;
  #keyed_us = Number.NEGATIVE_INFINITY;

  /** Null while no desktop has a size. */
  static async of(desktops: Desktops): Promise<Camera | null> {
    const screen = desktops.all.get(desktops.latest);
    if (!screen || screen.desktop.width === 0) return null;
    const [width, height] = [screen.desktop.width & ~1, screen.desktop.height & ~1];
    for (const { codec, name } of CODECS) {
      const config: VideoEncoderConfig = { codec, width, height, bitrate: BITS, latencyMode: 'quality' };
      if ((await VideoEncoder.isConfigSupported(config)).supported) return new Camera(config, name);
    }
    throw new Error('This browser encodes neither VP9 nor VP8.');
  }

  private constructor(config: VideoEncoderConfig, name: string) {
    this.#canvas = new OffscreenCanvas(config.width, config.height);
    this.#webm = new Webm(name, config.width, config.height);
    this.#encoder = new VideoEncoder({
      output: (chunk) => {
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        this.#webm.add({ data, at_ms: chunk.timestamp / 1000, key: chunk.type === 'key' });
      },
      error: (error) => {
        this.#failure = error;
      },
    });
    this.#encoder.configure(config);
  }

  /** The picture as it stood from `from_us` to `to_us`. */
  async shoot(
    desktops: Desktops,
    from_us: number,
    to_us: number,
    notice: { words: string; until_us: number },
  ): Promise<void> {
    const screen = desktops.all.get(desktops.latest);
    const context = this.#canvas.getContext('2d');
    if (!screen || screen.desktop.width === 0 || !context) return;
    const { desktop, mouse } = screen;
    const { width, height } = this.#canvas;
    for (let at = from_us; at < to_us; at += STILL_US) {
      const octets = new Uint8ClampedArray(desktop.pixels.buffer as ArrayBuffer);
      const picture = await createImageBitmap(new ImageData(octets, desktop.width, desktop.height));
      const scale = Math.min(width / desktop.width, height / desktop.height);
      context.fillStyle = '#000';
      context.fillRect(0, 0, width, height);
      context.drawImage(picture, 0, 0, desktop.width * scale, desktop.height * scale);
      picture.close();
      if (mouse && desktop.pointer !== 'hidden') {
        const { image, hotX, hotY } = pointerImage(desktop.pointer);
        context.drawImage(image, (mouse.x - hotX) * scale, (mouse.y - hotY) * scale);
      }
      if (notice.words && at < notice.until_us) caption(context, notice.words, width, height);
      const frame = new VideoFrame(this.#canvas, { timestamp: at });
      const key = at - this.#keyed_us >= KEY_US;
      if (key) this.#keyed_us = at;
      this.#encoder.encode(frame, { keyFrame: key });
      frame.close();
      await this.#room();
    }
  }

  async finish(duration_us: number): Promise<Blob> {
    await this.#encoder.flush();
    if (this.#failure) throw this.#failure;
    this.#encoder.close();
    return this.#webm.finish(duration_us / 1000);
  }

  async #room(): Promise<void> {
    while (this.#encoder.encodeQueueSize > WAITING_MOST && !this.#failure) {
      await new Promise((done) => this.#encoder.addEventListener('dequeue', done, { once: true }));
    }
    if (this.#failure) throw this.#failure;
  }
}

function caption(context: OffscreenCanvasRenderingContext2D, words: string, width: number, height: number): void {
  context.font = '600 18px sans-serif';
  context.textAlign = 'center';
  context.fillStyle = '#f0b45c';
  context.fillRect(0, height - 44, width, 44);
  context.fillStyle = '#2a1c00';
  context.fillText(words, width / 2, height - 16, width - 24);
}
