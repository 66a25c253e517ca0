"use strict";
// All models side by side: each its own plane, the same z in all.

const cards = [];

/** The decoders that differ: with one for all, a picture for each would say nothing. */
function decodersDiffer() {
  return new Set(FACTS.vae.models.map((of) => of.decoder)).size > 1;
}

function startSide() {
  const { models } = FACTS.vae;
  if (models.length < 2) return;
  document.getElementById("side-by-side").hidden = false;
  const grid = document.getElementById("cards");
  grid.classList.toggle("few", models.length <= 4);
  models.forEach((of, index) => {
    const card = make("figure", { type: "card", parent: grid });
    const canvas = make("canvas", { type: "plane", parent: card });
    const below = make("figcaption", { type: "below", parent: card });
    const digit =
      decodersDiffer() && of.decoder ? make("canvas", { type: "digit", parent: below }) : null;
    const words = make("div", { parent: below });
    const button = make("button", { parent: words });
    button.type = "button";
    button.addEventListener("click", () => choose(index));
    const density = make("div", { parent: words });
    const numbers = make("div", { parent: words });
    const plane = new Plane(canvas, { detail: false });
    plane.model = of;
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse") return; // a finger scrolls
      change({ z: toChosen(plane.under(event), of) });
    });
    canvas.addEventListener("click", (event) => choose(index, plane.under(event)));
    cards.push({ of, card, canvas, digit, button, density, numbers, plane });
  });
  onChange(() => cards.forEach((card) => drawCard(card)));
  cards.forEach((card, i) => setTimeout(() => drawCard(card, true), 50 * (i + 1)));
}

/** The chosen model's z at the place of a z of another. */
function toChosen(z, of) {
  return z.map((value) => (value * model().limit) / of.limit);
}

/** Draws a card, if it is in view or `always`. */
function drawCard({ of, card, digit, density, plane }, always = false) {
  const chosen = of === model();
  const z = samePlace(state.z, of);
  card.classList.toggle("chosen", chosen);
  card.querySelector("button").setAttribute("aria-pressed", String(chosen));
  density.textContent = densityWords(of, z, "card");
  const box = card.getBoundingClientRect();
  if (!always && (box.bottom < -200 || box.top > innerHeight + 200)) return;
  plane.draw({ z, pins: state.pins, code: markedCode(of) });
  if (digit) drawDigit(digit, decode(of, z), word("decoded-label", { z: pointText(z) }));
}

function wordsOfSide() {
  document.getElementById("side-words").textContent = word(
    FACTS.vae.post_hoc ? "side-post-hoc" : "side-joint",
  );
  for (const { of, canvas, button, numbers } of cards) {
    const key = BRIEFLY.find((name) => name in of.numbers);
    numbers.replaceChildren(quantity(key) + " ");
    withError(make("span", { parent: numbers }), of.numbers[key]);
    button.textContent = title(of);
    describe(canvas, word("card-plane", { title: title(of) }));
  }
}
