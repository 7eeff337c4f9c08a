/** Bytes that can be read from any place on, more than once: an object in R2, or bytes in memory. */
export type ByteSource = {
  readonly size: number;
  /** The bytes in [from, to). */
  read(from: number, to: number): Promise<ReadableStream<Uint8Array>>;
};

/** Bytes in memory as a source. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    async read(from, to) {
      return new ReadableStream<Uint8Array>({
        start(controller) {
          if (to > from) controller.enqueue(bytes.subarray(from, to));
          controller.close();
        },
      });
    },
  };
}

/**
 * An object in R2 as a source; null when there is none.
 * @throws while reading, when the object was removed or replaced in the meantime
 */
export async function objectSource(bucket: R2Bucket, key: string): Promise<ByteSource | null> {
  const head = await bucket.head(key);
  if (head === null) return null;
  return {
    size: head.size,
    async read(from, to) {
      if (to <= from) return new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
      const object = await bucket.get(key, {
        range: { offset: from, length: to - from },
        onlyIf: { etagMatches: head.etag },
      });
      if (object === null || !("body" in object)) throw new Error("the stored list is gone or was replaced");
      return object.body;
    },
  };
}

/** The chunks of a stream; a consumer that stops early cancels it. */
export async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        ended = true;
        return;
      }
      yield value;
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => undefined);
  }
}

/** Cuts chunks into pieces of at most `size` bytes. */
export async function* piecesOf(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size);
  }
}

/** Up to `size` bytes from the front of chunks; stops reading after them. */
export async function headOf(chunks: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const head = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of chunks) {
    const part = chunk.subarray(0, size - filled);
    head.set(part, filled);
    filled += part.length;
    if (filled === size) break;
  }
  return head.subarray(0, filled);
}
