// The page: what is asked, of whom, and where the answers go.
import {Chips} from "./chips.js";
import {Cursor} from "./cursor.js";
import {showLegend} from "./legend.js";
import {readLink, writeLink} from "./link.js";
import {Looks} from "./looks.js";
import {News} from "./news.js";
import {takePhotos} from "./photo_input.js";
import {Picture} from "./picture.js";
import {Readout} from "./readout.js";
import {save, stem} from "./save.js";
import {SentPhoto} from "./sent_photo.js";
import {getJson} from "./service.js";
import {Side} from "./side.js";
import {Split} from "./split.js";
import {Suggestions} from "./suggestions.js";
import {TokenDialog} from "./token_dialog.js";
import {joinWords, nameOf, splitWords, writeClass} from "./words.js";

const $ = (id) => document.getElementById(id);
const kOfTwo = ["canvas-b", "divider", "split-row", "name-a", "name-b"].map($);
const kMostSynonyms = 4;  // of a suggestion: some lists have a class of many words that are not one another's
const kFirstWords = "sky; building, house; tree; water; person";

const news = new News({status: $("status"), alert: $("alert"), busy: $("busy"), warnings: $("warnings")});
const looks = new Looks();
const sides = [new Side($("canvas-a")), new Side($("canvas-b"))];
const policies = [$("policy-a"), $("policy-b")];
const split = new Split($("split"), $("divider"), $("picture"));
const readout = new Readout($("readout"), $("cross"), $("spoken"));
const tokens = new TokenDialog(
  {dialog: $("token-dialog"), form: $("token-form"), field: $("token"), says: $("token-says"), cancel: $("token-cancel")});
const chips = new Chips($("chips"), $("word"), () => refresh());
const suggestions = new Suggestions($("word"), $("suggestions"), (text) => chips.add(text));
const cursor = new Cursor($("picture"), () => sides[0].found ?? {width: 1, height: 1}, () => point());

const link = readLink();
let file = null, photo = null, picture = null;
let lists = [], about = new Map();  // what the service offers

const compares = () => policies[1].value !== "";
const answered = () => sides.filter((side) => side.found);

// A picture or words that cannot work do not work the second time.
const isPassing = (error) => error.name === "AbortError" || error.status === 0 || error.status === 429 || error.status >= 500;

function failed(error, again) {
  if (error.name === "AbortError") return;
  if (error.status === 401) {
    tokens.open(error, meet);
    news.fail(error, () => tokens.open(error, meet));
  } else {
    news.fail(error, isPassing(error) && again);
  }
}

// ---- What is shown -------------------------------------------------------------------------------------------------------------

let drawn = 0;
function draw() {
  cancelAnimationFrame(drawn);
  drawn = requestAnimationFrame(drawNow);
}

function drawNow() {
  if (!sides[0].found) return;
  place(sides[0].found.width, sides[0].found.height);
  for (const side of answered()) side.draw(picture, looks.styles(side.found.result.classes));
  const both = compares() && sides[1].found !== null;
  for (const part of kOfTwo) part.hidden = !both;
  $("picture").classList.toggle("split-in-two", both);
  answered().forEach(({found}, i) => ($(["name-a", "name-b"][i]).textContent = found.policy));
  paintChips();
  point();
}

function paintChips() {
  const classes = chips.words.map((word) => ({name: nameOf(word)}));
  chips.paint(classes.map((_, i) => looks.color(classes, i)));
}

function show() {
  const found = sides[0].found !== null;
  $("view").hidden = !found && !picture?.isSeen;
  $("empty").hidden = !$("view").hidden;
  $("found").hidden = !found;
  if (!found) {
    for (const part of kOfTwo) part.hidden = true;
    readout.hide();
    news.warn([]);
    if (picture?.isSeen) bare();
    return;
  }
  showLegend($("legend"), answered().map(({found}) => found), looks, draw);
  news.warn([...new Set(answered().flatMap(({found}) => found.result.warnings))].concat(
    picture.isSeen ? [] : ["This browser cannot show a photo of this format: the classes are drawn on grey."]));
  draw();
}

async function point() {
  const {at, byKeys} = cursor;
  if (!at || !sides[0].found) return readout.hide();
  const side = compares() && sides[1].found && at.x > split.at ? sides[1] : sides[0];
  const {found} = side;
  const {classes} = found.result;
  const pixel = {x: Math.min(Math.floor(at.x * found.width), found.width - 1),
                 y: Math.min(Math.floor(at.y * found.height), found.height - 1)};
  const tell = (where, words, note) => {
    const policy = compares() ? `${found.policy} · ` : "";
    readout.show(at, {title: `${policy}${where.x}, ${where.y}`, words, note, colorOf: (id) => looks.color(classes, id)}, byKeys);
  };
  const label = found.labels[pixel.y * found.width + pixel.x];
  const still = () => cursor.at === at && side.found === found;
  const late = setTimeout(() => still() && tell(pixel, [classes[label]].map(({id, name}) => ({id, name})), "Scores are fetched …"), 120);
  try {
    const best = (await side.scores()).at(pixel.x, pixel.y);
    if (still()) tell(best, best.words);
  } catch (error) {
    if (still() && error.name !== "AbortError") tell(pixel, [{id: label, name: classes[label].name}], error.message);
  } finally {
    clearTimeout(late);
  }
}

// ---- What is asked -------------------------------------------------------------------------------------------------------------

function takePhoto(taken) {
  photo?.leave();
  picture?.close();
  for (const side of sides) side.clear();
  file = taken;
  photo = new SentPhoto(file);
  picture = null;
  show();
  const mine = photo;
  $("photo-name").textContent = file.name || "pasted photo";
  Picture.of(file).then((seen) => {
    if (photo !== mine) return seen.close();
    picture = seen;
    show();
    refresh();
  });
}

// Its place, as large as the page has room for.
function place(width, height) {
  $("picture").parentElement.style.setProperty("--ratio", width / height);
}

// The photo alone, before there is an answer.
function bare() {
  const {width, height} = picture.shownSize();
  place(width, height);
  Object.assign($("canvas-a"), {width, height});
  $("canvas-a").getContext("2d").putImageData(new ImageData(picture.pixels(width, height), width, height), 0, 0);
}

let asked = 0;
function refresh() {
  const words = joinWords(chips.words);
  const [policy, other] = policies.map((choice) => choice.value);
  $("policy-says").textContent = [policy, other].filter(Boolean).map((name) => about.get(name)).filter(Boolean).join("\n");
  writeLink({words, policy, other});
  paintChips();
  if (!photo || !picture) return;
  const mine = ++asked;
  if (words === "" || !other) sides[1].clear();
  if (words === "") {
    sides[0].clear();
    show();
    return news.fail(new Error("No words: type what to look for, like “sky”."));
  }
  const begun = performance.now();
  news.tell([policy, other].every((name) => !name || photo.isRead(name)) ? "Looking for the words …" : "Reading the photo …", true);
  const finds = sides.slice(0, other ? 2 : 1).map(async (side, i) => {
    try {
      if (await side.find(photo, policies[i].value, words)) show();
    } catch (error) {
      // What was found before is not what these words, or this policy, find.
      if (mine === asked && !isPassing(error)) {
        side.clear();
        show();
      }
      throw error;
    }
  });
  Promise.all(finds).then(() => {
    if (mine !== asked) return;
    const {classes} = sides[0].found.result;
    const there = classes.filter(({pixels}) => pixels > 0).length;
    const seconds = ((performance.now() - begun) / 1000).toFixed(2);
    news.tell(`${there} of ${classes.length} ${classes.length === 1 ? "class" : "classes"} found in ${seconds} s`);
  }, (error) => {
    if (mine !== asked || error.name === "AbortError") return;
    failed(error, refresh);
  });
}

// ---- What the service offers ---------------------------------------------------------------------------------------------------

function offer(select, names, chosen) {
  for (const name of names) select.append(Object.assign(document.createElement("option"), {value: name, textContent: name}));
  if (names.includes(chosen)) select.value = chosen;
}

async function meet() {
  const machine = getJson("readyz").catch(() => null);
  try {
    const [offered, words, palette] = await Promise.all(["v1/policies", "v1/lists", "v1/palette"].map(getJson));
    news.tell("");
    about = new Map(offered.policies.map(({name, summary}) => [name, `${name}: ${summary}`]));
    const names = [...about.keys()];
    policies[0].replaceChildren();
    offer(policies[0], names, link.policy ?? "sclip");
    if (policies[1].options.length === 1) offer(policies[1], names, link.other ?? "");
    looks.usePalette(palette);
    useLists(words);
  } catch (error) {
    failed(error, meet);
  }
  const facts = await machine;
  if (facts) $("machine").textContent = `${facts.model} · ${facts.device} ${facts.precision}`;
  refresh();
}

function useLists({lists: all, known_words: known}) {
  lists = all;
  $("list").replaceChildren();
  for (const {name, classes} of lists) {
    $("list").append(Object.assign(document.createElement("option"), {value: name, textContent: `${name}: ${classes.length} classes`}));
  }
  $("list-row").hidden = false;
  const seen = new Map();
  const isKnown = known && new Set(known);
  for (const {name, queries} of lists.flatMap(({classes}) => classes)) {
    if (name === "background" || queries.length > kMostSynonyms) continue;
    for (const word of queries) {
      if (!isKnown || isKnown.has(word.toLowerCase())) seen.set(word, queries.filter((q) => !isKnown || isKnown.has(q.toLowerCase())));
    }
  }
  for (const word of known ?? []) if (word !== "background" && !seen.has(word)) seen.set(word, [word]);
  suggestions.use([...seen].map(([word, queries]) => ({word, of: writeClass({name: queries[0], queries})})));
}

// ---- Who does what -------------------------------------------------------------------------------------------------------------

takePhotos({input: $("file"), buttons: [$("choose"), $("change")], body: document.body, taken: takePhoto});
$("word-form").addEventListener("submit", (event) => event.preventDefault());
$("word-form").addEventListener("click", (event) => event.target.closest("button, li") || $("word").focus());
$("add-list").addEventListener("click", () => {
  const list = lists.find(({name}) => name === $("list").value);
  if (list) chips.set([...chips.words, ...list.classes.map(writeClass)]);
});
$("clear").addEventListener("click", () => {
  chips.set([]);
  $("word").focus();
});
for (const policy of policies) policy.addEventListener("change", refresh);
$("opacity").addEventListener("input", () => {
  looks.opacity = Number($("opacity").value);
  $("opacity-says").textContent = `${Math.round(looks.opacity / 2.55)} %`;
  draw();
});
$("split").addEventListener("input", () => point());

const kSaves = {
  mask: async (side) => (await side.output("mask")).blob(),
  overlay: (side) => side.overlay(picture, looks.styles(side.found.result.classes)),
  json: async ({found}) => new Blob([JSON.stringify(found.result, null, 2), "\n"], {type: "application/json"}),
  rle: async ({found}) => new Blob([JSON.stringify(found.rle, null, 1), "\n"], {type: "application/json"}),
};
const kEndings = {mask: "mask.png", overlay: "overlay.png", json: "result.json", rle: "rle.json"};
for (const [what, make] of Object.entries(kSaves)) {
  $(`save-${what}`).addEventListener("click", async () => {
    for (const side of answered()) {
      const between = compares() ? `${side.found.policy}.` : "";
      try {
        save(await make(side), `${stem(file.name)}.${between}${kEndings[what]}`);
      } catch (error) {
        failed(error, () => $(`save-${what}`).click());
      }
    }
  });
}

chips.set(splitWords(link.words ?? kFirstWords));
meet();
