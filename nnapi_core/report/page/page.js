"use strict";
const nodes = JSON.parse(document.getElementById("nodes").textContent);
const graph = document.getElementById("graph");
const scroll = document.getElementById("scroll");
const panel = document.getElementById("panel");
const drawn = [...graph.querySelectorAll(".node")];
const edges = [...graph.querySelectorAll(".edges path")];
const places = drawn.map((one) => {
  const move = one.transform.baseVal.getItem(0).matrix;
  return { x: move.e, y: move.f };
});
let chosen = -1;

function choose(index, focus) {
  if (index < 0 || index >= nodes.length) return;
  if (chosen >= 0) {
    drawn[chosen].classList.remove("chosen");
    drawn[chosen].tabIndex = -1;
  }
  drawn[0].tabIndex = -1;
  chosen = index;
  drawn[index].classList.add("chosen");
  drawn[index].tabIndex = 0;
  for (const edge of edges)
    edge.classList.toggle("near", Number(edge.dataset.from) === index || Number(edge.dataset.to) === index);
  const node = nodes[index];
  const title = document.createElement("h2");
  title.textContent = node.label;
  const list = document.createElement("dl");
  for (const [name, value] of node.details) {
    const term = document.createElement("dt");
    const said = document.createElement("dd");
    term.textContent = name;
    said.textContent = value;
    list.append(term, said);
  }
  panel.replaceChildren(title, list);
  reveal(index);
  if (focus) drawn[index].focus({ preventScroll: true });
}

function reveal(index) {
  const outer = scroll.getBoundingClientRect();
  const inner = drawn[index].getBoundingClientRect();
  if (inner.top < outer.top || inner.bottom > outer.bottom)
    scroll.scrollTop += inner.top - outer.top - outer.height / 2;
  if (inner.left < outer.left || inner.right > outer.right)
    scroll.scrollLeft += inner.left - outer.left - outer.width / 2;
}

// The nearest node that the edge leads to, or the nearest beside.
function neighbour(index, key) {
  const here = places[index];
  const distance = (one) => Math.abs(places[one].x - here.x) + Math.abs(places[one].y - here.y);
  let near = [];
  if (key === "ArrowDown")
    near = edges.filter((one) => Number(one.dataset.from) === index).map((one) => Number(one.dataset.to));
  else if (key === "ArrowUp")
    near = edges.filter((one) => Number(one.dataset.to) === index).map((one) => Number(one.dataset.from));
  else {
    const side = key === "ArrowRight" ? 1 : -1;
    near = places.map((_, one) => one).filter((one) => places[one].y === here.y && (places[one].x - here.x) * side > 0);
  }
  return near.sort((a, b) => distance(a) - distance(b))[0] ?? -1;
}

graph.addEventListener("click", (event) => {
  const node = event.target.closest(".node");
  if (node) choose(Number(node.dataset.node), true);
});
graph.addEventListener("keydown", (event) => {
  const node = event.target.closest(".node");
  if (!node) return;
  const index = Number(node.dataset.node);
  if (event.key === "Enter" || event.key === " ") choose(index, true);
  else if (event.key === "Home") choose(0, true);
  else if (event.key === "End") choose(nodes.length - 1, true);
  else if (event.key.startsWith("Arrow")) choose(neighbour(index, event.key), true);
  else return;
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-select]");
  if (!link) return;
  event.preventDefault();
  document.querySelector(".view").scrollIntoView();
  choose(Number(link.dataset.select), true);
});
document.getElementById("next").addEventListener("click", () => {
  for (let step = 1; step <= nodes.length; step++) {
    const index = (chosen + step + nodes.length) % nodes.length;
    if (nodes[index].device === "cpu") return choose(index, true);
  }
});

const size = { width: graph.width.baseVal.value, height: graph.height.baseVal.value };
let scale = 1;
function zoom(to) {
  scale = Math.min(3, Math.max(0.05, to));
  graph.setAttribute("width", size.width * scale);
  graph.setAttribute("height", size.height * scale);
}
document.getElementById("in").addEventListener("click", () => zoom(scale * 1.3));
document.getElementById("out").addEventListener("click", () => zoom(scale / 1.3));
document.getElementById("fit").addEventListener("click", () =>
  zoom(Math.min((scroll.clientWidth - 8) / size.width, (scroll.clientHeight - 8) / size.height)));
// A wide graph begins at its middle, where the first node is.
scroll.scrollLeft = (places[0] ? places[0].x : 0) - scroll.clientWidth / 2;

// From pale to strong: errors by their order of magnitude, times by their share of the longest.
document.getElementById("mode").addEventListener("change", (event) => {
  const mode = event.target.value;
  const values = nodes.map((node) => node[mode]);
  const longest = Math.max(...values.filter((value) => typeof value === "number"), 0);
  drawn.forEach((one, index) => {
    const box = one.querySelector("rect");
    const value = values[index];
    if (typeof value !== "number") return box.style.removeProperty("fill");
    const part = mode === "error" ? Math.min(1, Math.max(0, (Math.log10(value + 1e-12) + 8) / 8)) : value / (longest || 1);
    box.style.fill = `color-mix(in srgb, #d33 ${Math.round(part * 85)}%, var(--panel))`;
  });
});
