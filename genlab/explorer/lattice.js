"use strict";
// The decoded plane: what a lattice of latents decodes to, a row at a time.

const LATTICE = 20; // pictures along each axis

/** The pictures of one model; `canvas` fills while the page goes on. */
class Lattice {
  constructor(of) {
    const { height, width } = FACTS.vae.digits;
    this.of = of;
    this.canvas = document.createElement("canvas");
    this.canvas.width = LATTICE * width;
    this.canvas.height = LATTICE * height;
    this.row = 0;
    this.fill();
  }

  /** The latent in the middle of a cell; row 0 is at the top, the highest z2. */
  latent(column, row) {
    const along = (place) => ((2 * place + 1) / LATTICE - 1) * this.of.limit;
    return [along(column), -along(row)];
  }

  fill() {
    const { height, width } = FACTS.vae.digits;
    const context = this.canvas.getContext("2d");
    const cell = document.createElement("canvas");
    for (let column = 0; column < LATTICE; column++) {
      drawDigit(cell, decode(this.of, this.latent(column, this.row)));
      context.drawImage(cell, column * width, this.row * height);
    }
    this.row += 1;
    change({ lattice: this.row });
    if (this.row < LATTICE) setTimeout(() => this.fill(), 0);
  }
}

const lattices = new Map();

/** The lattice of a model in the page's colours, begun when first asked for. */
function latticeOf(of) {
  const key = [of.decoder, of.limit, colour("--field")].join();
  if (!lattices.has(key)) lattices.set(key, new Lattice(of));
  return lattices.get(key);
}
