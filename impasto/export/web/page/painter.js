// The page's side of the worker: pixels in, a promise of pixels out.

const MEMORY = /memory|alloc|RangeError|too large/i;

/** Starts at once; `tell` hears {kind: 'progress' | 'ready' | 'note' | 'broken', ...}. */
export class Painter {
  #worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
  #waiting = new Map();
  #count = 0;

  constructor(tell, way) {
    this.#worker.onmessage = ({ data }) => this.#hear(data, tell);
    this.#worker.onerror = (event) => tell({ kind: 'broken', message: event.message || 'worker.js did not load.' });
    this.#worker.postMessage({ kind: 'start', way });
  }

  /** ImageData to {picture: ImageData, ms}. Rejects with an Error in words. */
  paint(photo) {
    const id = (this.#count += 1);
    const { data: pixels, width, height } = photo;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, width, height });
      this.#worker.postMessage({ kind: 'paint', id, pixels, width, height });
    });
  }

  #hear(message, tell) {
    const asked = this.#waiting.get(message.id);
    if (!asked) {
      tell(message);
      return;
    }
    this.#waiting.delete(message.id);
    if (message.kind === 'painted') {
      asked.resolve({ picture: new ImageData(message.pixels, asked.width, asked.height), ms: message.ms });
    } else {
      asked.reject(new Error(explain(message.message)));
    }
  }
}

function explain(reason) {
  if (MEMORY.test(reason)) return 'The picture did not fit in memory: choose a smaller long side.';
  return `The picture could not be painted (${reason}).`;
}
