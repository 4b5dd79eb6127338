"use strict";
// Sorting and filtering of tables. The page is complete without it.
for (const table of document.querySelectorAll("table.people")) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];

  const valueOf = (row, column, isNumber) => {
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent.trim();
    if (!isNumber) return text;
    const value = parseFloat(text.replace(",", "."));
    return Number.isNaN(value) ? null : value;
  };

  const sort = (column) => {
    const head = heads[column];
    const isNumber = head.classList.contains("n");
    const before = head.getAttribute("aria-sort");
    const isDown = before ? before === "ascending" : isNumber;
    const sign = isDown ? -1 : 1;
    const keyed = rows.map((row, place) => ({ row, place, value: valueOf(row, column, isNumber) }));
    keyed.sort((a, b) => {
      if (a.value === b.value) return a.place - b.place;
      if (a.value === null || a.value === "") return 1;
      if (b.value === null || b.value === "") return -1;
      return sign * (isNumber ? a.value - b.value : a.value.localeCompare(b.value, document.documentElement.lang));
    });
    body.append(...keyed.map((one) => one.row));
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  };

  heads.forEach((head, column) => {
    if (head.classList.contains("fixed")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
  });

  const tools = table.closest(".people-of").querySelector(".tools");
  const [text, kind] = [tools.querySelector("input"), tools.querySelector("select")];
  const shown = tools.querySelector("output");
  const filter = () => {
    const wanted = text.value.trim().toLocaleLowerCase();
    let count = 0;
    for (const row of rows) {
      const fits = !kind.value || row.dataset.is.split(" ").includes(kind.value);
      row.hidden = !(fits && row.textContent.toLocaleLowerCase().includes(wanted));
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} / ${rows.length}`;
  };
  text.addEventListener("input", filter);
  kind.addEventListener("change", filter);
  filter();
  tools.hidden = false;
}
