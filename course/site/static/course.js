// A link to another language leads to the same section.
addEventListener("click", (event) => {
  const link = event.target.closest(".languages a");
  if (!link) return;
  const sections = [...document.querySelectorAll("article section[id]")];
  const above = sections.filter((section) => section.getBoundingClientRect().top < innerHeight / 3);
  link.hash = above.length > 1 ? above.at(-1).id : "";
});

// What is wider than its place is scrolled by keyboard, too.
const boxes = document.querySelectorAll("article :is(pre, .table-wrapper, .cell_output, .output, .formula, div[style])");
const scrolling = (box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
const reachable = () => boxes.forEach((box) => (box.tabIndex = scrolling(box) ? 0 : -1));
addEventListener("load", reachable);
addEventListener("resize", reachable);

// Paper shows what is folded.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) folded.open = true;
});
