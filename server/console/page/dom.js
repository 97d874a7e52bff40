// Elements and tables. Text is always set as text: what the API answers never becomes markup.

export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export const state = (word) => h("span", { class: `state ${word}` }, word ?? "–");
export const time = (text) => (text ? new Date(text).toLocaleString() : "–");
export const number = (value, digits = 0) =>
  value === null || value === undefined ? "–" : value.toLocaleString(undefined, { maximumFractionDigits: digits });
export const short = (id) => h("code", { title: id }, (id ?? "–").slice(0, 12));

// `columns` are pairs of a title and what a row shows there; `open`, if given, is called with the row that is chosen.
export function table(columns, rows, { open, empty = "Nothing here yet." } = {}) {
  if (rows.length === 0) return h("p", {}, empty);
  const head = h("tr", {}, columns.map(([title]) => h("th", { scope: "col" }, title)));
  return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, head), h("tbody", {}, rows.map((row) => line(columns, row, open)))));
}

function line(columns, row, open) {
  const cells = columns.map(([, show, kind]) => h("td", { class: kind }, show(row) ?? "–"));
  if (!open) return h("tr", {}, cells);
  const choose = () => open(row);
  return h("tr", { class: "open", tabindex: 0, onclick: choose, onkeydown: (event) => event.key === "Enter" && choose() }, cells);
}

export const card = (title, value) => h("div", { class: "card" }, h("b", {}, value), title);
export const json = (value) => h("pre", {}, JSON.stringify(value, null, 2));

// A button that does one thing at a time and says what went wrong beside itself.
export function action(title, work) {
  const problem = h("span", { class: "problem", role: "alert" });
  const button = h("button", { type: "button", onclick: async (event) => {
    event.stopPropagation();
    button.disabled = true;
    problem.textContent = "";
    await work().catch((error) => { problem.textContent = error.message; });
    button.disabled = false;
  } }, title);
  return h("span", {}, button, " ", problem);
}
