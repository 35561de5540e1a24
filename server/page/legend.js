// The classes that were looked for: colour, whether they are shown, and their share of the photo under each read-out.
const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

function column(texts) {
  const shares = Object.assign(document.createElement("span"), {className: "shares"});
  shares.append(...texts.map((textContent) => Object.assign(document.createElement("span"), {className: "share", textContent})));
  return shares;
}

function heads(sides) {
  const row = Object.assign(document.createElement("li"), {className: "heads"});
  row.append(column(sides.map(({policy}) => policy)));
  return row;
}

// `sides`: what each read-out found. Built anew for new words, so that a focused control stays while looks change.
export function showLegend(list, sides, looks, changed) {
  const {classes} = sides[0].result;
  list.replaceChildren(...classes.map(({id, name, queries, share: ofPhoto}) => {
    const row = document.createElement("li");
    row.dataset.id = id;
    row.classList.toggle("none", sides.every(({result}) => !result.classes[id]?.pixels));
    row.style.setProperty("--share", `${100 * ofPhoto}%`);
    const shown = Object.assign(document.createElement("input"), {type: "checkbox", checked: !looks.isHidden(name), id: `class-${id}`});
    shown.addEventListener("change", () => {
      looks.choose(name, {hidden: !shown.checked});
      changed();
    });
    const color = Object.assign(document.createElement("input"), {type: "color", value: looks.color(classes, id)});
    color.setAttribute("aria-label", `Colour of ${name}`);
    row.style.setProperty("--of-class", color.value);
    color.addEventListener("input", () => {
      looks.choose(name, {color: color.value});
      row.style.setProperty("--of-class", color.value);
      changed();
    });
    const label = Object.assign(document.createElement("label"), {htmlFor: shown.id, textContent: name});
    const others = queries.filter((word) => word !== name);
    if (others.length > 0) label.append(Object.assign(document.createElement("small"), {textContent: ` ${others.join(", ")}`}));
    // A read-out that is still being asked for other words has none of this number.
    row.append(color, shown, label, column(sides.map(({result}) => percent(result.classes[id]?.share ?? 0))));
    return row;
  }));
  if (sides.length > 1) list.prepend(heads(sides));
}
