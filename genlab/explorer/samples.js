"use strict";
// Samples of each prior, drawn by genlab with the prior's own sampler, decoded here.

const A_ROW = 12;
let firstSample = 0;

/** A prior's samples, each an array of D values. */
function samplesOf(of) {
  const values = numbers(of.samples, Float32Array);
  const dims = FACTS.vae.latent;
  return Array.from({ length: values.length / dims }, (_, i) =>
    Array.from(values.subarray(i * dims, (i + 1) * dims)),
  );
}

function startSamples() {
  document.getElementById("samples").hidden = false;
  document.getElementById("others").addEventListener("click", () => {
    firstSample += A_ROW;
    drawSamples();
  });
}

/** Draws the rows, one a turn, so that the page stays quick; or `now`. */
function drawSamples(now = false) {
  const one = FACTS.vae.models.length === 1;
  document.querySelector("#samples h2").textContent = word(
    one ? "samples-heading-one" : "samples-heading",
  );
  document.getElementById("samples-words").textContent =
    word(one ? "samples-words-one" : "samples-words") +
    (language === "zh" ? "" : " ") +
    word(onPlane() ? "samples-go" : "samples-pin");
  const rows = document.getElementById("sample-rows");
  const able = FACTS.vae.models.filter((of) => of.decoder);
  if (rows.children.length !== able.length) {
    rows.replaceChildren(...able.map((of) => sampleRow(of)));
  }
  able.forEach((of, i) => {
    if (now) fillRow(rows.children[i], of);
    else setTimeout(() => fillRow(rows.children[i], of), 8 * i);
  });
}

function sampleRow(of) {
  const row = make("div", { type: "row" });
  make("p", { parent: row });
  const digits = make("div", { type: "row-digits", parent: row });
  for (let i = 0; i < A_ROW; i++) {
    const button = make("button", { parent: digits });
    button.type = "button";
    make("canvas", { type: "digit", parent: button });
    button.addEventListener("click", () => {
      const z = samplesOf(of)[(firstSample + i) % samplesOf(of).length];
      if (model() !== of || onPlane()) choose(FACTS.vae.models.indexOf(of), z);
      if (onPlane()) return;
      state.z = z;
      pin(field.nextPin);
    });
  }
  return row;
}

function fillRow(row, of) {
  row.querySelector("p").textContent = title(of);
  const drawn = samplesOf(of);
  row.querySelectorAll("canvas").forEach((canvas, i) => {
    const index = (firstSample + i) % drawn.length;
    drawDigit(canvas, decode(of, drawn[index]));
    canvas.parentElement.setAttribute(
      "aria-label",
      word("sample-label", { i: index + 1, title: title(of) }),
    );
  });
}
