"use strict";
// The table of each model's numbers with their standard errors.

function startNumbers() {
  document.getElementById("numbers").hidden = false;
  onChange((changed) => (changed.has("model") || changed.has("all")) && drawNumbers());
}

function drawNumbers() {
  const { models } = FACTS.vae;
  const shown = [...new Set(models.flatMap((of) => Object.keys(of.numbers)))];
  document.getElementById("numbers-words").textContent = word("numbers-words", { n: models[0].test_images });
  const table = document.getElementById("table");
  table.replaceChildren();
  const head = make("tr", { parent: make("thead", { parent: table }) });
  for (const text of [word("prior"), ...shown.map((key) => word("q-" + key))]) {
    make("th", { text, parent: head }).scope = "col";
  }
  const body = make("tbody", { parent: table });
  models.forEach((of, index) => {
    const row = make("tr", { parent: body, type: models.length > 1 && index === state.model ? "chosen" : "" });
    make("th", { text: title(of), parent: row }).scope = "row";
    for (const key of shown) {
      const cell = make("td", { parent: row });
      const [value, error] = of.numbers[key] ?? [null, null];
      cell.textContent = value === null ? "–" : number(value, Math.abs(value) < 20 ? 3 : 2);
      if (error != null) make("small", { text: "± " + number(error, Math.abs(value) < 20 ? 3 : 2), parent: cell });
    }
  });
}
