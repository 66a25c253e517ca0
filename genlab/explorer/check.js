"use strict";
// The page checks itself: what its networks compute here against what PyTorch computed.

const check = { results: [], done: false };

/** The largest difference of a network to PyTorch's values on the inputs that the page carries. */
function difference(name) {
  const { role, check: probe } = FACTS.vae.networks[name];
  const expected = numbers(probe.expected, Float32Array);
  const of = { encoder: name, decoder: name };
  const inputs =
    role === "decoder" ? probe.z : Array.from({ length: probe.digits }, (_, i) => testDigit(i));
  const size = expected.length / inputs.length;
  let worst = 0;
  inputs.forEach((input, i) => {
    const code = role === "encoder" ? encode(of, input) : null;
    const found = code ? [...code.mean, ...code.logStd] : decode(of, input);
    for (let k = 0; k < size; k++)
      worst = Math.max(worst, Math.abs(found[k] - expected[i * size + k]) || 0);
    if (found.length !== size || !found.every(Number.isFinite)) worst = Infinity;
  });
  return worst;
}

/** Compares every network, one a turn. */
function startCheck() {
  const names = FACTS.vae ? Object.keys(FACTS.vae.networks) : [];
  const next = () => {
    const name = names[check.results.length];
    if (name) {
      const { role } = FACTS.vae.networks[name];
      const allowed = FACTS.vae.tolerance[role === "decoder" ? "pixel" : "code"];
      const found = difference(name);
      check.results.push({ name, role, found, allowed, ok: found <= allowed });
      setTimeout(next, 0);
    } else {
      check.done = true;
      drawCheck();
    }
  };
  document.getElementById("verdict").addEventListener("click", () => {
    document.getElementById("trust").scrollIntoView({ block: "start" });
  });
  onChange((changed) => changed.has("all") && drawCheck());
  setTimeout(next, 0);
}

/** The names of the models that a network belongs to. */
function whose(role, name) {
  return FACTS.vae.models
    .filter((of) => of[role] === name)
    .map(title)
    .join(", ");
}

function drawCheck() {
  const verdict = document.getElementById("verdict");
  const list = document.getElementById("checks");
  const live = isLive();
  document.getElementById("trust-words").hidden = !live;
  verdict.hidden = !live;
  list.replaceChildren();
  if (check.done && live) {
    const fine = check.results.every(({ ok }) => ok);
    verdict.className = "verdict " + (fine ? "yes" : "no");
    verdict.dataset.word = fine ? "verdict-yes" : "verdict-no";
    verdict.textContent = word(verdict.dataset.word);
    for (const { name: id, role, found, allowed, ok } of check.results) {
      const { bits, deviation } = FACTS.vae.networks[id];
      make("li", {
        text: word("check-" + role, {
          who: whose(role, id),
          found: small(found),
          allowed: String(allowed),
          bits,
          rounding: small(deviation),
        }),
        type: ok ? "yes" : "no",
        parent: list,
      });
    }
  }
  if (!live) make("li", { text: word("check-none"), parent: list });
  drawFacts();
}

/** Who made this page, from what. */
function drawFacts() {
  const { run, vae, gan: dogs } = FACTS;
  const rows = [
    ["fact-run", {}, `${run.name} (${run.kind})`],
    ["fact-command", {}, run.command],
    ["fact-made", {}, `genlab ${run.genlab}, torch ${run.torch}, ${run.started}`],
  ];
  if (vae) {
    const { identity } = vae.digits;
    rows.push(["fact-digits", {}, `${identity.name}: ${identity.sha256} (${identity.licence})`]);
    rows.push(["fact-seed", {}, [...new Set(vae.models.map((of) => of.seed))].join(", ")]);
    for (const of of vae.models) rows.push(["fact-weights", { who: title(of) }, of.sha256]);
  }
  if (dogs) {
    rows.push([
      "fact-images",
      {},
      `${dogs.data.name}: ${dogs.data.sha256} (${dogs.data.licence})`,
    ]);
    rows.push(["fact-weights", { who: "GAN" }, dogs.sha256]);
  }
  rows.push(["fact-page", {}, run.page]);
  const list = document.getElementById("facts-list");
  list.replaceChildren();
  for (const [key, slots, value] of rows) {
    make("dt", { text: word(key, slots), parent: list });
    make("dd", { text: value, parent: list });
  }
}
