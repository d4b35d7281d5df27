// The spans of a trace as a tree, of which only the rows in sight are in the page: thousands cost no more than a screen of them.
// `data.rows` has columns, a value a span, parents before their children; texts are numbers of `data.texts`. All of them are put
// in as text: what a span is called is never markup.
const ROW = 32; // pixels, as the sheet says
const BEYOND = 10; // rows drawn above and below what is in sight
const DEEPEST = 24; // levels that are indented

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".fall");
  const kept = (root.kept ??= {});
  for (const [name, colour] of Object.entries(data.colours)) root.style.setProperty(`--${name}`, colour);
  const { rows, texts } = data;
  const count = rows.id.length;
  const text = (column, row) => texts[rows[column][row]];
  const folds = (row) => rows.below[row] > 0;

  if (kept.trace !== data.trace) Object.assign(kept, { trace: data.trace, open: new Set(data.open), query: "", at: -1 });
  if (kept.chosen !== data.chosen) {
    kept.chosen = data.chosen;
    kept.reveal = rows.id.indexOf(data.chosen);
  }

  const parents = new Int32Array(count).fill(-1);
  for (let row = 0, path = []; row < count; row++) {
    path.length = rows.depth[row];
    parents[row] = path.length ? path[path.length - 1] : -1;
    path.push(row);
  }

  const box = element("div", "rows", { role: "tree", tabIndex: 0, ariaLabel: "Spans" });
  const head = element("div", "row head");
  for (const [index, title] of data.heads.entries()) head.append(element("span", index ? "" : "name", {}, title));
  const scale = element("span", "scale");
  scale.append(element("span", "", {}, "0"), element("span", "", {}, data.length));
  head.append(scale);
  const body = element("div", "body within");
  box.append(head, body);

  let shown = []; // the rows that are not folded away, in order
  function unfold() {
    shown = [];
    for (let row = 0; row < count; row += folds(row) && !kept.open.has(row) ? 1 + rows.below[row] : 1) shown.push(row);
    body.style.height = `${shown.length * ROW}px`;
    body.replaceChildren();
    draw();
  }

  let drawn = "";
  function draw(anew = true) {
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - BEYOND);
    const last = Math.min(shown.length, Math.ceil((box.scrollTop + (box.clientHeight || 800)) / ROW) + BEYOND);
    if (!anew && drawn === `${first}-${last}`) return;
    drawn = `${first}-${last}`;
    body.replaceChildren(...shown.slice(first, last).map((row, index) => line(row, (first + index) * ROW)));
  }

  function line(row, top) {
    const open = kept.open.has(row);
    const failed = rows.failed[row] === 1;
    const made = element("div", "row", { id: `row-${row}`, role: "treeitem", ariaLevel: rows.depth[row] + 1 });
    made.style.top = `${top}px`;
    made.dataset.row = row;
    if (folds(row)) made.ariaExpanded = open;
    if (rows.id[row] === kept.chosen) made.classList.add("chosen"), (made.ariaSelected = true);
    if (row === kept.at) made.classList.add("at");

    const name = element("span", "name", { title: text("name", row) });
    name.style.paddingLeft = `${Math.min(rows.depth[row], DEEPEST) * 0.9}rem`;
    name.append(element("span", folds(row) ? "turn fold" : "turn", {}, folds(row) ? (open ? "▾" : "▸") : ""));
    const link = element("a", failed ? "bad" : "", { href: `${data.address}&span=${encodeURIComponent(rows.id[row])}`, tabIndex: -1 });
    link.textContent = text("name", row);
    name.append(link);
    if (rows.unbilled[row]) name.append(element("span", "unbilled", { title: "Another span is billed for this" }, "not billed"));
    name.append(element("small", "", {}, text("what", row)));
    if (folds(row) && !open) {
      name.append(element("small", "fixed", {}, `+${rows.below[row].toLocaleString("en")}`));
      const errors = rows.errors[row];
      if (errors) name.append(element("small", "bad fixed", {}, errors === 1 ? "1 error" : `${errors.toLocaleString("en")} errors`));
    }
    const time = element("span", "time", {});
    const bar = element("b");
    Object.assign(bar.style, { left: `${rows.left[row]}%`, width: `${rows.width[row]}%` });
    bar.style.background = failed ? data.colours.bad : data.series[rows.service[row]];
    time.append(bar);
    made.append(
      name,
      element("span", "", { title: `itself ${text("own_cost", row)}` }, text("cost", row)),
      element("span", "", { title: `itself ${text("own_tokens", row)}` }, text("tokens", row)),
      element("span", "", {}, text("duration", row)),
      time,
    );
    return made;
  }

  function turn(row, open = !kept.open.has(row)) {
    kept.open[open ? "add" : "delete"](row);
    unfold();
  }

  function reveal(row) {
    for (let above = parents[row]; above >= 0; above = parents[above]) kept.open.add(above);
    unfold();
    const top = shown.indexOf(row) * ROW;
    // below the head, and not at the very edge
    if (top < box.scrollTop + ROW || top + 3 * ROW > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 3;
    draw();
  }

  function step(row) {
    kept.at = row;
    reveal(row);
    box.setAttribute("aria-activedescendant", `row-${row}`);
  }

  function choose(row) {
    if (rows.id[row] === kept.chosen) return;
    kept.chosen = rows.id[row];
    kept.at = row;
    draw();
    setTriggerValue("span", rows.id[row]);
  }

  // The bar above: a span is found by its words, an error by being one.
  const bar = element("div", "bar");
  const input = element("input", "", { type: "search", placeholder: "Find a span", ariaLabel: "Find a span", value: kept.query });
  const found = element("span", "found", { role: "status" });
  const errors = [...rows.failed.keys()].filter((row) => rows.failed[row]);
  function next(among, back = false) {
    if (!among.length) return -1;
    const from = kept.at >= 0 ? kept.at : rows.id.indexOf(kept.chosen);
    const index = back ? among.findLastIndex((row) => row < from) : among.findIndex((row) => row > from);
    const place = index >= 0 ? index : back ? among.length - 1 : 0;
    step(among[place]);
    return place;
  }
  function find(back) {
    const asked = kept.query.trim().toLowerCase();
    const among = asked ? [...rows.id.keys()].filter((row) => `${text("name", row)} ${text("what", row)} ${rows.id[row]}`.toLowerCase().includes(asked)) : [];
    const place = next(among, back);
    found.textContent = asked ? (among.length ? `${place + 1} of ${among.length.toLocaleString("en")}` : "none") : "";
  }
  input.oninput = () => { kept.query = input.value; kept.at = -1; find(); };
  input.onkeydown = (event) => { if (event.key === "Enter") find(event.shiftKey); };
  bar.append(input, found, element("span", "stretch"));
  if (errors.length) {
    const label = errors.length === 1 ? "1 error" : `${errors.length.toLocaleString("en")} errors`;
    const button = element("button", "bad", { title: "Go to the next span that failed" }, `${label} ↓`);
    button.onclick = () => choose(errors[next(errors)]);
    bar.append(button);
  }
  if (count > 1) {
    for (const [label, open] of [["Unfold all", true], ["Fold all", false]]) {
      const button = element("button", "", {}, label);
      button.onclick = () => {
        kept.open = new Set(open ? [...rows.id.keys()].filter(folds) : []);
        unfold();
      };
      bar.append(button);
    }
  }

  body.onclick = (event) => {
    const made = event.target.closest(".row");
    if (!made || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const row = Number(made.dataset.row);
    event.target.closest(".fold") ? turn(row) : choose(row);
  };
  box.onkeydown = (event) => {
    const at = kept.at >= 0 ? kept.at : Math.max(0, rows.id.indexOf(kept.chosen));
    const place = shown.indexOf(at);
    const moves = {
      ArrowDown: () => step(shown[Math.min(place + 1, shown.length - 1)]),
      ArrowUp: () => step(shown[Math.max(place - 1, 0)]),
      Home: () => step(shown[0]),
      End: () => step(shown[shown.length - 1]),
      ArrowRight: () => (folds(at) && !kept.open.has(at) ? turn(at) : folds(at) && step(at + 1)),
      ArrowLeft: () => (kept.open.has(at) && folds(at) ? turn(at) : parents[at] >= 0 && step(parents[at])),
      Enter: () => choose(at),
    };
    if (!moves[event.key]) return;
    event.preventDefault();
    moves[event.key]();
  };
  let waiting = 0;
  box.onscroll = () => { waiting ||= requestAnimationFrame(() => { waiting = 0; draw(false); }); };
  const sized = new ResizeObserver(() => draw(false));

  // Drawn anew, it stays where it was, and what had the focus has it again.
  const before = root.querySelector(".rows")?.scrollTop ?? 0;
  const focused = parentElement.activeElement?.className;
  root.replaceChildren(bar, box);
  unfold();
  if (focused === "rows") box.focus({ preventScroll: true });
  box.scrollTop = before;
  if (kept.reveal >= 0) reveal(kept.reveal);
  kept.reveal = -1;
  sized.observe(box);
  return () => sized.disconnect();
}

function element(tag, className = "", properties = {}, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  Object.assign(made, properties);
  if (text) made.textContent = text;
  return made;
}
