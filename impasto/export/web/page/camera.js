// The camera as a source of pixels.

import { pixelsOf } from './pictures.js';

const REASONS = {
  NotAllowedError: 'The camera may not be used: allow it for this page in the browser’s settings.',
  NotFoundError: 'No camera was found.',
  NotReadableError: 'The camera is used by another program: close that, and try again.',
  OverconstrainedError: 'There is no other camera.',
};

export class Camera {
  #video = Object.assign(document.createElement('video'), { muted: true, playsInline: true });
  #facing = 'user';

  get isOn() {
    return Boolean(this.#video.srcObject);
  }

  /** Ask for the camera and wait for its first frame. Throws an Error in words. */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error('Browsers give the camera to pages from https or localhost only.');
    }
    try {
      const video = { facingMode: this.#facing, width: { ideal: 640 }, height: { ideal: 480 } };
      this.#video.srcObject = await navigator.mediaDevices.getUserMedia({ video });
      await this.#video.play();
    } catch (error) {
      this.stop();
      throw new Error(REASONS[error.name] ?? `The camera did not start (${error.message}).`);
    }
  }

  stop() {
    this.#video.srcObject?.getTracks().forEach((track) => track.stop());
    this.#video.srcObject = null;
  }

  /** The camera on the other side, if there is one. */
  async turn() {
    this.stop();
    this.#facing = this.#facing === 'user' ? 'environment' : 'user';
    await this.start();
  }

  /** Whether there is more than one, which browsers tell once the camera was allowed. */
  async canTurn() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === 'videoinput').length > 1;
  }

  /** What is seen now, mirrored where it is the one who looks. */
  frame(longSide) {
    const { videoWidth, videoHeight } = this.#video;
    return pixelsOf(this.#video, videoWidth, videoHeight, longSide, this.#facing === 'user');
  }
}
