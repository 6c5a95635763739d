"use strict";
// Looking into a folder: the map's window becomes the folder's rectangle, and the way out is kept.
const map = document.getElementById("map");
const out = document.getElementById("out");
const path = document.getElementById("path");
const ways = [{ box: map.getAttribute("viewBox"), path: path.textContent }];

function show() {
  const way = ways[ways.length - 1];
  map.setAttribute("viewBox", way.box);
  path.textContent = way.path;
  out.disabled = ways.length === 1;
}

function into(folder) {
  const rect = folder.querySelector("rect");
  const box = ["x", "y", "width", "height"].map((name) => rect.getAttribute(name)).join(" ");
  if (ways[ways.length - 1].box === box) return;
  ways.push({ box, path: folder.dataset.path });
  show();
}

map.addEventListener("click", (event) => {
  const folder = event.target.closest(".folder");
  if (folder) into(folder);
});
map.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches(".folder")) into(event.target);
});
out.addEventListener("click", () => {
  if (ways.length > 1) ways.pop();
  show();
});
// A part of the page's address opens a folder: #nginx%201.28.3/x64
const wanted = decodeURIComponent(location.hash.slice(1));
for (const folder of map.querySelectorAll(".folder")) {
  if (wanted && folder.dataset.path === wanted) into(folder);
}
