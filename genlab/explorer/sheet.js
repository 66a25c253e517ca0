"use strict";
// The lab sheet's figure, drawn when the run was: a picture in each language.

function startSheet() {
  document.getElementById("sheet").hidden = false;
  onChange((changed) => changed.has("all") && drawSheet());
}

function drawSheet() {
  const { pictures } = FACTS.sheet;
  const blob = document.getElementById(pictures[language] || pictures.en);
  const image = document.getElementById("sheet-picture");
  image.src = "data:image/png;base64," + blob.textContent;
  image.alt = word("still-sheet");
}
