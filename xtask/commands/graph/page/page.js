// Pointing at a thing, or going to it by the keyboard, dims everything that it does not need and that does not need it.
"use strict";
(() => {
  const edges = [...document.querySelectorAll(".edge")];
  const things = [...document.querySelectorAll(".node, .bar")];
  const rows = [...document.querySelectorAll("tr[data-id]")];

  // Everything that is reached from a thing by going along the edges, from one end to the other.
  const reached = (id, near, far) => {
    const found = new Set([id]);
    for (const one of found) {
      for (const edge of edges) {
        if (edge.dataset[near] === one) found.add(edge.dataset[far]);
      }
    }
    return found;
  };

  const show = (id) => {
    const needs = id ? reached(id, "to", "from") : null;
    const needing = id ? reached(id, "from", "to") : null;
    const isNear = (other) => !id || needs.has(other) || needing.has(other);
    for (const thing of things) thing.classList.toggle("away", !isNear(thing.dataset.id));
    for (const row of rows) row.classList.toggle("near", Boolean(id) && isNear(row.dataset.id));
    for (const edge of edges) {
      const { from, to } = edge.dataset;
      const both = !id || (needs.has(from) && needs.has(to)) || (needing.has(from) && needing.has(to));
      edge.classList.toggle("away", !both);
    }
  };

  const focused = () => {
    const thing = document.activeElement;
    return thing && thing.dataset ? thing.dataset.id : undefined;
  };
  for (const thing of [...things, ...rows]) {
    thing.addEventListener("mouseenter", () => show(thing.dataset.id));
    thing.addEventListener("mouseleave", () => show(focused()));
  }
  for (const thing of things) {
    thing.addEventListener("focus", () => show(thing.dataset.id));
    thing.addEventListener("blur", () => show(undefined));
    thing.addEventListener("keydown", (event) => {
      if (event.key === "Escape") thing.blur();
    });
  }
})();
