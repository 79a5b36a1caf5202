// Draws the graph of the JSON block #data. Every text goes through textContent, so that no value is ever read as HTML.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const svg = find("graph"), view = find("view"), tip = find("tip"), about = find("about"), search = find("search");
const camera = { x: 0, y: 0, scale: 1 };
const hiddenLabels = new Set();
let chosen = null;

function make(name, attributes, parent, text) {
  const isSvg = ["g", "path", "circle", "text", "tspan"].includes(name);
  const element = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// ---- nodes and edges

const radius = (node) => (node.hops ? data.radius : data.center_radius);

for (const edge of data.edges) {
  edge.group = make("g", { class: "edge" }, view);
  edge.line = make("path", { "marker-end": "url(#arrow)" }, edge.group);
  edge.text = make("text", {}, edge.group, edge.name);
}
data.nodes.forEach((node, place) => {
  node.place = place;
  node.neighbours = new Set([node]);
  node.group = make("g", { class: node.hops ? "node" : "node center", tabindex: 0, role: "button" }, view);
  node.group.setAttribute("aria-label", `${node.label} ${node.name}`);
  const color = data.labels[node.label];
  if (!node.hops) make("circle", { r: radius(node) + 4, class: "ring", stroke: color }, node.group);
  make("circle", { r: radius(node), fill: color }, node.group);
  node.caption.forEach((line, row) => {
    make("text", { y: radius(node) + (node.hops ? 12 : 16) + 13 * row }, node.group, line);
  });
  node.words = [node.label, node.id, node.name, ...node.properties.flat()].join("\n").toLowerCase();
});
for (const edge of data.edges) {
  edge.head = data.nodes[edge.head];
  edge.tail = data.nodes[edge.tail];
  edge.head.neighbours.add(edge.tail);
  edge.tail.neighbours.add(edge.head);
}

function placeNode(node) {
  node.group.setAttribute("transform", `translate(${node.x} ${node.y})`);
}

function placeEdge(edge) {
  const { head, tail } = edge;
  if (head === tail) {
    const top = head.y - radius(head);
    edge.line.setAttribute("d", `M${head.x - 5} ${top} C${head.x - 26} ${top - 34} ${head.x + 26} ${top - 34} ${head.x + 5} ${top}`);
    edge.text.setAttribute("transform", `translate(${head.x} ${top - 28})`);
    return;
  }
  const dx = tail.x - head.x, dy = tail.y - head.y, length = Math.hypot(dx, dy) || 1;
  const from = radius(head) / length, to = 1 - (radius(tail) + (tail.hops ? 2 : 6)) / length;
  edge.line.setAttribute("d", `M${head.x + dx * from} ${head.y + dy * from} L${head.x + dx * to} ${head.y + dy * to}`);
  // along the edge, never upside down, nearer to the end with fewer edges
  const at = head.neighbours.size <= tail.neighbours.size ? 0.42 : 0.58;
  let angle = (Math.atan2(dy, dx) * 180) / Math.PI;
  if (angle > 90 || angle < -90) angle += 180;
  edge.text.setAttribute("transform", `translate(${head.x + dx * at} ${head.y + dy * at}) rotate(${angle}) translate(0 2.4)`);
  edge.text.toggleAttribute("hidden", length < 4.4 * edge.name.length + 2 * data.radius);
}

// ---- what is shown

function update() {
  const wanted = search.value.trim().toLowerCase();
  const isShown = (node) => !hiddenLabels.has(node.label);
  const isFound = (node) => wanted !== "" && node.words.includes(wanted);
  const isBright = (node) => (chosen ? chosen.neighbours.has(node) : wanted === "" || isFound(node));
  for (const node of data.nodes) {
    node.group.toggleAttribute("hidden", !isShown(node));
    node.group.classList.toggle("faint", !isBright(node));
    node.group.classList.toggle("found", isFound(node));
    node.group.classList.toggle("chosen", node === chosen);
  }
  for (const edge of data.edges) {
    const bright = chosen ? edge.head === chosen || edge.tail === chosen : isBright(edge.head) && isBright(edge.tail);
    edge.group.toggleAttribute("hidden", !isShown(edge.head) || !isShown(edge.tail));
    edge.group.classList.toggle("faint", !bright);
  }
}

function choose(node) {
  chosen = node;
  about.hidden = !node;
  tip.hidden = true;
  if (node) describe(node);
  update();
}

function describe(node) {
  about.replaceChildren();
  make("h2", {}, about, node.name);
  make("p", { class: "kind" }, about, `${node.label} · ${node.id}`);
  const list = make("dl", {}, about);
  for (const [key, value] of node.properties) {
    make("dt", {}, list, key);
    make("dd", {}, list, value);
  }
  const links = make("ul", {}, about);
  for (const edge of data.edges) {
    if (edge.head !== node && edge.tail !== node) continue;
    const other = edge.head === node ? edge.tail : edge.head;
    const button = make("button", {}, make("li", {}, links));
    make("small", {}, button, edge.head === node ? `${edge.name} →` : `← ${edge.name}`);
    button.append(other.name);
    button.addEventListener("click", () => choose(other));
  }
}

function showTip(node, event) {
  tip.replaceChildren();
  make("b", {}, tip, node.name);
  make("span", {}, tip, `${node.label} · ${node.id}`);
  for (const [key, value] of node.properties.slice(0, 6)) make("div", {}, tip, `${key}: ${value}`);
  tip.hidden = false;
  const box = svg.getBoundingClientRect();
  const x = Math.min(event.clientX - box.left + 14, box.width - tip.offsetWidth - 8);
  const y = Math.min(event.clientY - box.top + 14, box.height - tip.offsetHeight - 8);
  tip.style.left = `${Math.max(8, x)}px`;
  tip.style.top = `${Math.max(8, y)}px`;
}

// ---- camera

function look() {
  view.setAttribute("transform", `translate(${camera.x} ${camera.y}) scale(${camera.scale})`);
}

function fit() {
  const box = svg.getBoundingClientRect();
  camera.scale = Math.min(box.width / data.width, box.height / data.height, 1.6);
  camera.x = (box.width - data.width * camera.scale) / 2;
  camera.y = (box.height - data.height * camera.scale) / 2;
  look();
}

function zoom(factor, x, y) {
  const scale = Math.min(8, Math.max(0.05, camera.scale * factor));
  camera.x = x - ((x - camera.x) * scale) / camera.scale;
  camera.y = y - ((y - camera.y) * scale) / camera.scale;
  camera.scale = scale;
  look();
}

function goTo(node) {
  const box = svg.getBoundingClientRect();
  camera.x = box.width / 2 - node.x * camera.scale;
  camera.y = box.height / 2 - node.y * camera.scale;
  look();
}

// ---- hand

let drag = null;

function press(event, node) {
  event.stopPropagation();
  drag = { node, x: event.clientX, y: event.clientY, moved: false };
  svg.setPointerCapture(event.pointerId);
}

svg.addEventListener("pointerdown", (event) => press(event, null));
svg.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
  if (!drag.moved && Math.hypot(dx, dy) < 4) return;
  Object.assign(drag, { x: event.clientX, y: event.clientY, moved: true });
  svg.classList.add("moving");
  tip.hidden = true;
  if (drag.node) {
    drag.node.x += dx / camera.scale;
    drag.node.y += dy / camera.scale;
    placeNode(drag.node);
    for (const edge of data.edges) if (edge.head === drag.node || edge.tail === drag.node) placeEdge(edge);
  } else {
    camera.x += dx;
    camera.y += dy;
    look();
  }
});
function release() {
  if (drag && !drag.moved) choose(drag.node === chosen ? null : drag.node);
  drag = null;
  svg.classList.remove("moving");
}
svg.addEventListener("pointerup", release);
svg.addEventListener("pointercancel", () => { drag = null; });
svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = svg.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });
for (const node of data.nodes) {
  node.group.addEventListener("pointerdown", (event) => press(event, node));
  node.group.addEventListener("pointerenter", (event) => { if (!drag) showTip(node, event); });
  node.group.addEventListener("pointerleave", () => { tip.hidden = true; });
  node.group.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(node); });
}
search.addEventListener("input", () => { chosen = null; about.hidden = true; update(); });
search.addEventListener("keydown", (event) => {
  const first = data.nodes.find((node) => node.group.classList.contains("found"));
  if (event.key === "Enter" && first) { choose(first); goTo(first); }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { search.value = ""; choose(null); }
});
find("fit").addEventListener("click", fit);
window.addEventListener("resize", fit);

// ---- legend and theme

const counts = {};
for (const node of data.nodes) counts[node.label] = (counts[node.label] || 0) + 1;
for (const [label, color] of Object.entries(data.labels)) {
  const button = make("button", { "aria-pressed": "true", title: "Show or hide" });
  make("i", {}, button).style.background = color;
  button.append(`${label} (${counts[label]})`);
  button.addEventListener("click", () => {
    if (!hiddenLabels.delete(label)) hiddenLabels.add(label);
    button.setAttribute("aria-pressed", String(!hiddenLabels.has(label)));
    update();
  });
  find("legend").lastElementChild.before(button);
}
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.dataset.theme = prefersDark ? "dark" : "light";
find("theme").addEventListener("click", () => {
  const root = document.documentElement.dataset;
  root.theme = root.theme === "dark" ? "light" : "dark";
});

data.nodes.forEach(placeNode);
data.edges.forEach(placeEdge);
update();
fit();
