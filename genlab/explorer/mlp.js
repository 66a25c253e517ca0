"use strict";
// The networks: perceptrons with SiLU or gated layers, the decoder's first fed with waves of z.
// What genlab/networks/mlp.py computes, from the bytes that genlab/explorer/weights.py writes.

/** A perceptron of the page, by the name of its bytes. */
class Network {
  constructor(name) {
    const { bits, waves, layers } = FACTS.vae.networks[name];
    const data = bytes(name);
    const inputs = waves ? layers[0].columns - 2 * waves : 0;
    const floats = new DataView(data.buffer);
    let offset = 0;
    const read = (count) => {
      const values = new Float32Array(count);
      for (let i = 0; i < count; i++, offset += 4) values[i] = floats.getFloat32(offset, true);
      return values;
    };
    this.waves = waves;
    this.frequencies = read(inputs * waves);
    this.layers = layers.map((layer) => ({
      ...layer,
      scale: read(layer.rows),
      bias: read(layer.rows),
    }));
    for (const layer of this.layers) {
      const count = layer.rows * layer.columns;
      layer.weight = new Float32Array(integers(data, offset, count, bits));
      offset += Math.ceil((count * bits) / 8);
      layer.out = new Float32Array(layer.rows);
    }
  }

  /** The last layer's values, in an array that the next call overwrites. */
  run(input) {
    let values = this.waves ? this.features(input) : input;
    for (const layer of this.layers) {
      linear(layer, values);
      values = AFTER[layer.after](layer.out);
    }
    return values;
  }

  /** (z, sin B z, cos B z). */
  features(z) {
    const { waves, frequencies } = this;
    const dims = z.length;
    const values = new Float32Array(dims + 2 * waves);
    values.set(z);
    for (let w = 0; w < waves; w++) {
      let phase = 0;
      for (let d = 0; d < dims; d++) phase += z[d] * frequencies[d * waves + w];
      values[dims + w] = Math.sin(phase);
      values[dims + waves + w] = Math.cos(phase);
    }
    return values;
  }
}

/** out = scale * (K x) + bias, row by row. */
function linear({ rows, columns, weight, scale, bias, out }, x) {
  for (let r = 0, at = 0; r < rows; r++, at += columns) {
    let a = 0,
      b = 0,
      c = 0,
      d = 0,
      i = 0;
    for (; i + 3 < columns; i += 4) {
      a += weight[at + i] * x[i];
      b += weight[at + i + 1] * x[i + 1];
      c += weight[at + i + 2] * x[i + 2];
      d += weight[at + i + 3] * x[i + 3];
    }
    for (; i < columns; i++) a += weight[at + i] * x[i];
    out[r] = scale[r] * (a + b + c + d) + bias[r];
  }
}

function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

const AFTER = {
  none: (x) => x,
  silu: (x) => x.map((value) => value * sigmoid(value)),
  gated: (x) =>
    x.subarray(0, x.length / 2).map((value, i) => value * sigmoid(x[x.length / 2 + i])),
};

const networks = new Map();

/** The network of that name, built when first asked for. */
function network(name) {
  if (!networks.has(name)) networks.set(name, new Network(name));
  return networks.get(name);
}

/** The mean grey value of a pixel, given the decoder's output, by the likelihood. */
const MEAN = {
  sigmoid,
  truncated_exponential: (x) => {
    const size = Math.abs(x);
    if (size < 0.2) return 0.5 + x / 12 - x ** 3 / 720 + x ** 5 / 30240;
    const mean = -1 / Math.expm1(-size) - 1 / size;
    return x > 0 ? mean : 1 - mean;
  },
  identity: (x) => Math.min(1, Math.max(0, x)),
};

/** The mean image of p(x|z) under a model, in grey values. */
function decode(model, z) {
  return network(model.decoder).run(Float32Array.from(z)).map(MEAN[FACTS.vae.mean]);
}

/** Mean and ln sigma of q(z|x), ln sigma within the bounds that genlab/networks/mlp.py sets. */
function encode(model, x) {
  const both = network(model.encoder).run(x);
  const dims = both.length / 2;
  const [low, high] = FACTS.vae.log_std_range;
  return {
    mean: both.slice(0, dims),
    logStd: both.slice(dims).map((value) => Math.min(high, Math.max(low, value))),
  };
}
