// Draws the table of an explorer page without a browser: {facts, words, lang} on standard input,
// the texts of its cells, row by row, on standard output.
"use strict";
const fs = require("fs");
const vm = require("vm");

const [folder] = process.argv.slice(2);
const { facts, words, lang } = JSON.parse(fs.readFileSync(0, "utf8"));

class Element {
  constructor() {
    this.children = [];
    this.textContent = "";
  }
  append(...parts) {
    this.children.push(...parts);
  }
  replaceChildren(...parts) {
    this.children = parts;
  }
}

const found = { words: Object.assign(new Element(), { textContent: JSON.stringify(words) }) };
const page = {
  FACTS: facts,
  state: { model: 0 },
  title: (of) => of.title[lang],
  document: {
    documentElement: { lang },
    createElement: () => new Element(),
    getElementById: (id) => (found[id] ??= new Element()),
  },
};
vm.createContext(page);
for (const name of ["words", "numbers"]) {
  vm.runInContext(fs.readFileSync(`${folder}/${name}.js`, "utf8"), page);
}
vm.runInContext("drawNumbers()", page);

const text = (element) => element.textContent + element.children.map(text).join("");
const rows = found.table.children.flatMap((part) => part.children);
console.log(JSON.stringify(rows.map((row) => row.children.map(text))));
