"use strict";
// The table of all numbers with their standard errors: a row a quantity, a column a model.

const FEW = 5; // models whose numbers have their errors on the same line
const BRIEFLY = ["nll_exact", "nll_is", "elbo", "omega", "prior_gap"];

/** What a quantity is called. */
function quantity(key) {
  return FACTS.vae.quantities[key][language];
}

/** The texts of a value and its standard error in an element; without a number a dash. */
function withError(element, { texts: [value, error] } = { texts: ["–", ""] }) {
  element.textContent = value;
  if (error) make("small", { text: "\u00a0±\u00a0" + error, parent: element });
}

/** The few numbers of the chosen model that stand beside its plane. */
function drawBrief() {
  const list = document.getElementById("brief");
  list.replaceChildren();
  for (const key of BRIEFLY.filter((name) => name in model().numbers)) {
    make("dt", { text: quantity(key), parent: list });
    withError(make("dd", { parent: list }), model().numbers[key]);
  }
}

function startNumbers() {
  document.getElementById("numbers").hidden = false;
  onChange((changed) => (changed.has("model") || changed.has("all")) && drawNumbers());
}

function drawNumbers() {
  const { models, seeds, pictures } = FACTS.vae;
  const shown = [...new Set(models.flatMap((of) => Object.keys(of.numbers)))];
  const compared = models.some((of) => of.difference);
  const said = [word("numbers-words", { n: models[0].test_images })];
  if (seeds > 1) said.push(word("one-seed", { seeds }));
  if (compared) said.push(word("numbers-paired", { title: title(models[0]) }));
  document.getElementById("numbers-words").textContent = said.join(language === "zh" ? "" : " ");
  const table = document.getElementById("table");
  table.replaceChildren();
  document.getElementById("table-box").className = models.length > FEW ? "scroll broad" : "scroll";
  const head = make("tr", { parent: make("thead", { parent: table }) });
  make("th", { text: word("quantity"), parent: head }).scope = "col";
  const choice = models.length > 1 && !pictures;
  models.forEach((of, index) => {
    const chosen = choice && index === state.model ? "chosen" : "";
    make("th", { text: title(of), parent: head, type: chosen }).scope = "col";
  });
  const body = make("tbody", { parent: table });
  const addRow = (name, numberOf) => {
    const row = make("tr", { parent: body });
    make("th", { text: name, parent: row }).scope = "row";
    for (const of of models) withError(make("td", { parent: row }), numberOf(of));
  };
  if (compared) {
    const { of } = models.find((one) => one.difference).difference;
    const name = word("difference", { quantity: quantity(of), title: title(models[0]) });
    addRow(name, (one) => one.difference?.number);
  }
  for (const key of shown) addRow(quantity(key), (one) => one.numbers[key]);
}
