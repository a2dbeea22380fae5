// What the scripts of report.html and of the live page share, as page.css is what
// their styles do.
"use strict";
const byId = id => document.getElementById(id);
const make = (tag, text, cls) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (cls) e.className = cls;
  return e;
};
const KINDS = ["cythonize", "compile", "link", "archive", "other"];
const base = path => path.slice(path.lastIndexOf("/") + 1);
