"use strict";
// What the reader has chosen; everything shown follows from it. It is kept in the address.

const state = {
  model: 0,
  z: [],
  pins: { a: null, b: null },
  view: "codes", // or pictures: what the large plane shows
  shown: null, // one class of digits, or null for all
};
const listeners = [];
let waiting = null;
let changed = new Set();

/** Calls `listener(changed)` after changes, once a frame; `changed` has the keys. */
function onChange(listener) {
  listeners.push(listener);
}

/** Changes the state. */
function change(patch) {
  Object.assign(state, patch);
  Object.keys(patch).forEach((key) => changed.add(key));
  if (waiting === null) waiting = requestAnimationFrame(announce);
}

function announce() {
  cancelAnimationFrame(waiting);
  waiting = null;
  const keys = changed;
  changed = new Set();
  for (const listener of listeners) listener(keys);
  keepAddress();
}

/** Runs `action` when it has not been asked for again for `ms`. */
function settled(action, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, ms);
  };
}

const keepAddress = settled(() => {
  const parts = new URLSearchParams();
  const models = FACTS.vae ? FACTS.vae.models : [];
  if (models.length) parts.set("prior", models[state.model].name);
  if (onPlane()) {
    parts.set("z", state.z.map((v) => v.toFixed(3)).join(","));
    for (const [name, pin] of Object.entries(state.pins)) {
      if (pin) parts.set(name, pin.map((v) => v.toFixed(3)).join(","));
    }
  }
  parts.set("lang", language);
  history.replaceState(null, "", "#" + parts);
}, 250);

/** Whether the page runs the networks of VAEs; otherwise it has pictures of them. */
function isLive() {
  return Boolean(FACTS.vae && !FACTS.vae.pictures);
}

/** Whether there is a latent plane. */
function onPlane() {
  return Boolean(FACTS.vae && FACTS.vae.plane);
}

/** Takes model, z, pins and language from the address, as far as they make sense. */
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  if (parts.get("lang") in WORDS) language = parts.get("lang");
  if (!FACTS.vae) return;
  const index = FACTS.vae.models.findIndex((model) => model.name === parts.get("prior"));
  if (index >= 0) state.model = index;
  if (!onPlane()) return;
  const point = (name) => {
    const z = (parts.get(name) || "").split(",").map(Number);
    return z.length === 2 && z.every(Number.isFinite) && parts.get(name) ? inside(z) : null;
  };
  state.z = point("z") || state.z;
  state.pins = { a: point("a") || state.pins.a, b: point("b") || state.pins.b };
}

/** The chosen model. */
function model() {
  return FACTS.vae.models[state.model];
}

/** z brought into the square that is shown of a model. */
function inside(z, of = model()) {
  return Array.from(z, (value) => Math.min(of.limit, Math.max(-of.limit, value)));
}

/** The z of another model at the same place of its plane. Planes of different encoders have
    scales of their own. */
function samePlace(z, of) {
  return z.map((value) => (value * of.limit) / model().limit);
}

/** Chooses a model, and keeps the place in the plane unless a z is given. */
function choose(index, z = null) {
  const of = FACTS.vae.models[index];
  if (!onPlane()) {
    state.model = index;
    return change({ model: index, pins: firstPins() });
  }
  const pins = {};
  for (const [letter, pin] of Object.entries(state.pins)) pins[letter] = pin && samePlace(pin, of);
  change({ z: z ? inside(z, of) : samePlace(state.z, of), pins, model: index });
}
