// Long tables: a field that leaves the rows with its words, and headers that sort.
// Without JavaScript all rows are there to scroll through.
"use strict";

for (const table of document.querySelectorAll("table.sorted")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  const said = document.createElement("output");

  // The first number of a cell; of text, as of names, the text.
  function valueOf(row, column) {
    const text = row.cells[column].textContent.trim();
    const number = Number.parseFloat(text.replaceAll(",", ""));
    const isText = row.cells[column].classList.contains("left") || column === 0;
    return isText ? text : Number.isNaN(number) ? -Infinity : number;
  }

  function sort(column) {
    const header = headers[column];
    // Names rise first, and numbers fall.
    const first = column === 0 || header.classList.contains("left") ? "ascending" : "descending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = header.ariaSort === first ? other : first;
    headers.forEach((one) => one.removeAttribute("aria-sort"));
    header.ariaSort = order;
    const sign = order === "ascending" ? 1 : -1;
    const names = new Intl.Collator(undefined, { numeric: true });
    const keyed = rows.map((row) => ({ row, value: valueOf(row, column) }));
    keyed.sort(({ value: a }, { value: b }) =>
      sign * (typeof a === "string" ? names.compare(a, b) : a === b ? 0 : a - b));
    body.replaceChildren(...keyed.map(({ row }) => row));
  }

  function search(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let number = 0;
    for (const row of rows) {
      const named = row.dataset.words.toLowerCase();
      row.hidden = !words.every((word) => named.includes(word));
      number += !row.hidden;
    }
    said.textContent = words.length ? `${number} of ${rows.length}` : "";
  }

  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "sort";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(column));
    header.append(button);
  });
  const label = document.createElement("label");
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "name, split";
  field.addEventListener("input", () => search(field.value));
  label.append("Search ", field);
  const line = document.createElement("p");
  line.className = "search";
  line.append(label, said);
  said.setAttribute("aria-live", "polite");
  table.parentElement.before(line);
}
