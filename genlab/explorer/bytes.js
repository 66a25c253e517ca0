"use strict";
// Arrays out of the page: each is base64 text in a data block of its own.

const FACTS = JSON.parse(document.getElementById("facts").textContent);
const decodedBlobs = new Map();

/** The bytes of a blob, decoded when first asked for. */
function bytes(name) {
  if (!decodedBlobs.has(name)) {
    const text = atob(document.getElementById(name).textContent);
    const data = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) data[i] = text.charCodeAt(i);
    decodedBlobs.set(name, data);
  }
  return decodedBlobs.get(name);
}

/** A blob as numbers; `type` is Float32Array, Int16Array, Uint16Array ... (little-endian, as is
    every machine that browsers run on). */
function numbers(name, type) {
  const data = bytes(name);
  return new type(data.buffer, 0, data.length / type.BYTES_PER_ELEMENT);
}

/** A blob as an image that may be drawn when the promise is kept. */
async function picture(name) {
  const image = new Image();
  image.src = "data:image/webp;base64," + document.getElementById(name).textContent;
  await image.decode();
  return image;
}

/** Integers of `bits` bits from a stream that starts with the lowest bit of its first byte. */
function integers(data, offset, count, bits) {
  const values = new Int32Array(count);
  const half = 1 << (bits - 1);
  const mask = (1 << bits) - 1;
  let held = 0;
  let has = 0;
  for (let i = 0; i < count; i++) {
    while (has < bits) {
      held |= data[offset++] << has;
      has += 8;
    }
    values[i] = (held & mask) - half;
    held >>>= bits;
    has -= bits;
  }
  return values;
}
