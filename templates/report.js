/* Filters, sorts and searches the findings, moves by keyboard, and records decisions about them.
   Strings from the data are only ever set as text. */
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const cards = [...document.querySelectorAll(".card")];
const groups = [...document.querySelectorAll(".kind")];
const order = new Map(cards.map((card, place) => [card, place]));
const WORDS = { accept: "Accepted", reject: "Rejected", defer: "Deferred" };
const NOTHING = "Change nothing";
const standing = new Map(groups.map(group => [group, group.querySelector(".first").children.length]));
const store = `dataaudit ${data.dataset.fingerprint} ${document.body.dataset.report}`;
let state = { reviewer: "", decisions: {}, signature: null };
let kept = true;
document.documentElement.classList.add("script");

/* Remembering */
function load() {
  try {
    const known = JSON.parse(localStorage.getItem(store));
    if (known && typeof known === "object") state = { ...state, ...known };
    takeReview(known?.review);
  } catch { kept = false; }
}
function save() {
  try { localStorage.setItem(store, JSON.stringify({ ...state, review: reviewed() })); } catch { kept = false; }
  if (!kept) say("This browser does not keep decisions after a reload: export them before you leave.");
}
function say(words) { for (const id of ["notice", "message", "review-notice"]) if (at(id)) at(id).textContent = words; }

/* Decisions */
const decided = id => Object.hasOwn(state.decisions, id) ? state.decisions[id] : null;
function change(id, decision) {
  if (decision) state.decisions[id] = decision; else delete state.decisions[id];
  if (state.signature) {
    state.signature = null;
    say("A decision changed, so the signature was withdrawn.");
  }
}
function goBack(to) {
  to.focus({ preventScroll: true });
  to.scrollIntoView({ block: "nearest" });
}
const decide = (card, word) => named(() => {
  const old = decided(card.id), fieldset = build(card);
  const chosen = Number(fieldset.querySelector("select").value);
  change(card.id, {
    decision: word, remedy: word === "accept" ? chosen : -1, reason: old ? old.reason : "",
    reviewer: state.reviewer.trim(), at: new Date().toISOString(),
  });
  settle([card]);
}, card);
const undo = card => decided(card.id) && named(() => { change(card.id, null); settle([card]); }, card);
const amend = (card, part) => decided(card.id) && named(() => {
  change(card.id, { ...decided(card.id), ...part, reviewer: state.reviewer.trim(), at: new Date().toISOString() });
  settle([card]);
}, card);
function mend(card) {
  const own = decided(card.id), many = data.findings[card.id].remedies.length;
  if (own?.decision !== "accept" || !many) return;
  amend(card, { remedy: (own.remedy + 2) % (many + 1) - 1 });
  build(card).scrollIntoView({ block: "nearest" });
}
function settle(changed) { save(); changed.forEach(paint); count(); sign(); }

/* A card's controls are made when it comes near the screen: there can be a thousand. */
function build(card) {
  let fieldset = card.querySelector(".decision");
  if (fieldset) return fieldset;
  fieldset = at("decision").content.firstElementChild.cloneNode(true);
  const remedies = data.findings[card.id].remedies, select = fieldset.querySelector("select");
  remedies.forEach((one, number) => select.add(new Option(one.words, number)));
  select.add(new Option(NOTHING, -1));
  for (const radio of fieldset.querySelectorAll("[type=radio]")) {
    radio.name = `decision ${card.id}`;
    radio.addEventListener("change", () => decide(card, radio.value));
  }
  select.addEventListener("change", () => amend(card, { remedy: Number(select.value) }));
  const reason = fieldset.querySelector("[type=text]");
  reason.addEventListener("change", () => amend(card, { reason: reason.value.trim() }));
  fieldset.querySelector(".undo").addEventListener("click", () => undo(card));
  card.append(fieldset);
  paint(card);
  return fieldset;
}
function paint(card) {
  const own = decided(card.id), fieldset = card.querySelector(".decision");
  const head = card.querySelector("header");
  if (own) head.dataset.decision = WORDS[own.decision]; else delete head.dataset.decision;
  let by = card.querySelector(".by");
  if (own && !by) {
    by = document.createElement("p");
    by.className = "by";
    by.dir = "auto";
    card.append(by);
  }
  if (by) by.textContent = own ? told(card.id, own) : "";
  if (!fieldset) return;
  for (const radio of fieldset.querySelectorAll("[type=radio]")) radio.checked = Boolean(own) && radio.value === own.decision;
  fieldset.querySelector(".remedy").hidden = !own || own.decision !== "accept";
  fieldset.querySelector(".undo").hidden = fieldset.querySelector(".reason").hidden = !own;
  if (own && own.decision === "accept") fieldset.querySelector("select").value = own.remedy;
  const reason = fieldset.querySelector("[type=text]");
  reason.value = own ? own.reason : "";
  reason.placeholder = own?.decision === "reject" ? "why?" : "";
}
function told(id, own) {
  const remedy = data.findings[id].remedies[own.remedy];
  const what = own.decision === "accept" ? `: ${remedy ? remedy.words : NOTHING}` : "";
  return `${WORDS[own.decision]} by ${own.reviewer}, ${own.at.slice(0, 10)}${what}${own.reason ? `. ${own.reason}` : ""}`;
}
function count() {
  const all = cards.map(card => decided(card.id)).filter(Boolean);
  for (const [word, id] of [["accept", "accepted"], ["reject", "rejected"], ["defer", "deferred"]])
    at(id).textContent = all.filter(one => one.decision === word).length;
  at("undecided").textContent = cards.length - all.length;
  if (!at("progress")) return;
  at("progress").max = Math.max(1, cards.length);
  at("progress").value = all.length;
  at("progress-words").textContent = `${all.length} of ${cards.length} decided`;
}

/* Filtering, searching, sorting */
const texts = new Map();
function text(card) {
  if (!texts.has(card)) {
    const parts = [...card.children].filter(child => !child.matches(".decision, .by"));
    texts.set(card, `${card.id} ${parts.map(part => part.textContent).join(" ")}`.toLowerCase());
  }
  return texts.get(card);
}
const chosen = name => at(`filter-${name}`)?.value || "";
function filter() {
  from = null;
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const asked = ["severity", "kind", "status", "change", "decision", "score"].map(chosen);
  const [severity, kind, status, changed, decision, least] = asked;
  const narrowed = words.length > 0 || asked.some(Boolean);
  let shown = 0;
  for (const group of groups) {
    let here = 0;
    for (const card of group.querySelectorAll(".card")) {
      const own = decided(card.id), about = card.dataset;
      card.hidden = Boolean(severity && about.severity !== severity || kind && group.dataset.kind !== kind
        || status && about.status !== status || changed && about.change !== changed
        || decision && decision !== (own ? own.decision : "none") || least && Number(about.score) < Number(least)
        || !words.every(word => text(card).includes(word)));
      here += !card.hidden;
    }
    const rest = group.querySelector(".rest"), folded = rest.querySelectorAll(".card:not([hidden])").length;
    group.hidden = narrowed && !here;
    rest.hidden = !folded;
    if (narrowed) rest.open = true;
    rest.querySelector(".many").textContent = folded;
    const tally = group.querySelector("h3 small"), all = tally.dataset.total;
    tally.textContent = narrowed ? `${here} of ${all}` : all;
    shown += here;
  }
  at("count").textContent = `${shown} of ${cards.length} findings`;
  at("nothing").hidden = shown > 0;
}
function sort() {
  const how = at("sort").value;
  const rank = card => ["accept", "reject", "defer"].indexOf(decided(card.id)?.decision);
  const before = {
    score: (one, other) => other.dataset.score - one.dataset.score,
    name: (one, other) => text(one).localeCompare(text(other)),
    decision: (one, other) => rank(one) - rank(other),
  }[how] || (() => 0);
  for (const group of groups) {
    const sorted = [...group.querySelectorAll(".card")].sort((a, b) => before(a, b) || order.get(a) - order.get(b));
    group.querySelector(".first").replaceChildren(...sorted.slice(0, standing.get(group)));
    group.querySelector(".others").replaceChildren(...sorted.slice(standing.get(group)));
  }
  filter();
}
function clear() {
  at("search").value = "";
  for (const field of document.querySelectorAll("#filters select, #filters input")) if (field.id !== "sort") field.value = "";
  filter();
}

/* Moving */
const visible = () => [...document.querySelectorAll(".card")].filter(card => !card.hidden);
const current = () => document.activeElement?.closest(".card");
function show(card) {
  if (card.hidden) clear();
  const rest = card.closest(".rest");
  if (rest) rest.open = true;
  build(card);
  card.focus({ preventScroll: true });
  goTo(card);
}
/* Cards just above get their controls first, or they would push it down afterwards. */
function goTo(target) {
  from = target;
  visible().filter(toward(Node.DOCUMENT_POSITION_PRECEDING)).filter(card => !card.closest("details:not([open])")).slice(-9).forEach(build);
  target.scrollIntoView();
}
let from = null; /* the card or section that was gone to last */
const toward = way => card => !from || from.compareDocumentPosition(card) & way;
function step(way) {
  const all = visible();
  const next = way === Node.DOCUMENT_POSITION_FOLLOWING ? all.find(toward(way)) : all.findLast(toward(way));
  if (next) show(next);
}
function follow(hash) {
  let id = hash.slice(1);
  try { id = decodeURIComponent(id); } catch { return; }
  const target = id && at(id);
  if (!target) return;
  if (order.has(target)) show(target); else goTo(target);
  if (target === at("review")) target.focus({ preventScroll: true });
}
const typing = element => element?.matches("input:not([type=radio]):not([type=file]), select, textarea");
const KEYS = {
  j: () => step(Node.DOCUMENT_POSITION_FOLLOWING), k: () => step(Node.DOCUMENT_POSITION_PRECEDING),
  a: card => card && decide(card, "accept"), r: card => card && decide(card, "reject"), d: card => card && decide(card, "defer"),
  u: card => card && undo(card), m: card => card && mend(card),
  e: card => card && decided(card.id) && build(card).querySelector("[type=text]").focus(),
  o: card => { const one = card?.querySelector(".evidence"); if (one) one.open = !one.open; },
  "/": () => at("search").focus(), "?": () => at("help").showModal(),
};
function leave(event) {
  const field = event.target;
  const enters = event.key === "Enter" && (field.matches(".who") ? field.value.trim() : field.matches(".reason input"));
  if (!enters && event.key !== "Escape") return;
  event.preventDefault(); /* or a dialog that opens now would take the Enter */
  const back = waiting?.back || field.closest(".card, #judging");
  if (!enters) forget();
  field.blur();
  if (back && document.activeElement === document.body) goBack(back);
}
function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (typing(event.target)) return leave(event);
  const act = judging(event) || Object.hasOwn(KEYS, event.key) && KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act(current());
}

/* Signing, exporting, importing */
function sign() {
  const own = state.signature, line = at("signed");
  at("signing").hidden = Boolean(own);
  line.hidden = !own;
  document.documentElement.classList.toggle("signed", Boolean(own));
  if (own) line.firstElementChild.textContent =
    `Signed by ${own.name}, ${own.at.slice(0, 10)}: ${own.outcome}${own.comment ? `. ${own.comment}` : ""}`;
}
function signNow() {
  const name = at("signer").value.trim(), outcome = document.querySelector("[name=outcome]:checked")?.value;
  if (!name || !outcome) return say("A signature needs a name and an outcome.");
  state.signature = { name, at: new Date().toISOString(), outcome, comment: at("comment").value.trim() };
  const open = Number(at("undecided").textContent);
  say(open ? `Signed, with ${counted(open, "finding", "findings")} undecided.` : "Signed.");
  save();
  sign();
}
function exported() {
  const decisions = cards.filter(card => decided(card.id)).sort((a, b) => order.get(a) - order.get(b)).map(card => {
    const own = decided(card.id), finding = data.findings[card.id];
    return {
      finding: card.id, fingerprint: finding.fingerprint, kind: finding.kind, message: finding.message,
      decision: own.decision, remedy: finding.remedies[own.remedy]?.remedy || null,
      reason: own.reason, reviewer: own.reviewer, at: own.at,
    };
  });
  const review = reviews.size ? { review: reviewed() } : {};
  return { schema_version: 1, dataset: data.dataset, signature: state.signature, decisions, ...review };
}
function download() {
  const url = URL.createObjectURL(new Blob([JSON.stringify(exported(), null, 2), "\n"], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "decisions.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
const texted = (thing, names) => thing && typeof thing === "object" && names.every(name => typeof thing[name] === "string");
function imported(content) {
  let file;
  try { file = JSON.parse(content); } catch { return "Not imported: this is not valid JSON."; }
  if (file?.schema_version !== 1 || !Array.isArray(file.decisions)) return "Not imported: this is not a decisions file of version 1.";
  if (file.dataset?.fingerprint !== data.dataset.fingerprint) return "Not imported: these decisions are about other data, with another fingerprint.";
  let taken = 0, unknown = 0, broken = 0;
  for (const one of file.decisions) {
    if (!texted(one, ["finding", "decision", "reason", "reviewer", "at"]) || !Object.hasOwn(WORDS, one.decision)) { broken += 1; continue; }
    const finding = Object.hasOwn(data.findings, one.finding) && data.findings[one.finding];
    if (!finding || finding.fingerprint !== one.fingerprint) { unknown += 1; continue; }
    const same = JSON.stringify(one.remedy && [one.remedy.action, one.remedy.sample_ids, one.remedy.to]);
    const remedy = one.remedy ? finding.remedies.findIndex(({ remedy: r }) => JSON.stringify([r.action, r.sample_ids, r.to]) === same) : -1;
    if (one.remedy && remedy < 0) { broken += 1; continue; }
    const { decision, reason, reviewer, at } = one;
    state.decisions[one.finding] = { decision, remedy, reason, reviewer, at };
    taken += 1;
  }
  const whole = !unknown && !broken, signature = file.signature;
  state.signature = whole && texted(signature, ["name", "at", "outcome", "comment"]) ? signature : null;
  const answers = importedReview(file.review);
  settle(cards);
  if (at("search")) filter();
  return `Decisions imported: ${taken}.` + (unknown ? ` Skipped, as this page does not show the finding: ${unknown}.` : "")
    + (broken ? ` Skipped, as not valid: ${broken}.` : "") + (signature && !whole ? " The signature was not imported." : "") + answers;
}
async function pick(event) {
  const file = event.target.files[0];
  if (file) say(imported(await file.text()));
  event.target.value = "";
}
function acceptAll() {
  const open = visible().filter(card => !decided(card.id));
  at("sure-words").textContent = `Findings that are shown and undecided: ${open.length}. Each will be accepted with its first remedy. Decisions already made stay.`;
  at("sure-yes").onclick = () => {
    at("sure").close();
    const now = new Date().toISOString();
    for (const card of open) change(card.id, { decision: "accept", remedy: data.findings[card.id].remedies.length ? 0 : -1, reason: "", reviewer: state.reviewer.trim(), at: now });
    settle(open);
    filter();
  };
  at("sure").showModal();
}

/* Printing: everything that is folded, unfolded, as far as it is shown. */
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => { for (const one of folded) one.open = false; });

load();
sign();
count();
cards.forEach(card => { if (decided(card.id)) paint(card); });
let clicked = "";
document.addEventListener("click", event => {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  if (link.hash !== location.hash) clicked = link.hash; /* its hashchange comes later and would take the focus from what was done meanwhile */
  follow(link.hash);
});
addEventListener("hashchange", () => {
  const known = location.hash === clicked;
  clicked = "";
  if (!known) follow(location.hash);
});
document.addEventListener("focusin", () => { from = current() || from; });
document.addEventListener("keydown", press);
for (const dialog of document.querySelectorAll("dialog")) dialog.querySelector(".close").addEventListener("click", () => dialog.close());
at("sign").addEventListener("click", signNow);
at("signing").addEventListener("input", () => say(""));
at("unsign").addEventListener("click", () => { state.signature = null; say(""); save(); sign(); });
at("export").addEventListener("click", download);
at("import").addEventListener("change", pick);
startNaming();
if (data.review) startReview();
if (at("search")) {
  for (const id of ["search", "filter-score"]) at(id).addEventListener("input", filter);
  for (const select of document.querySelectorAll("#filters select")) select.addEventListener("change", select.id === "sort" ? sort : filter);
  at("clear").addEventListener("click", clear);
  at("help-button").addEventListener("click", () => at("help").showModal());
  at("accept-all").addEventListener("click", () => named(acceptAll, at("accept-all")));
  const bar = document.querySelector(".tools");
  new ResizeObserver(() => document.documentElement.style.setProperty("--bar", `${bar.offsetHeight}px`)).observe(bar);
  const near = new IntersectionObserver(seen => {
    for (const one of seen) if (one.isIntersecting) { build(one.target); near.unobserve(one.target); }
  }, { rootMargin: "800px" });
  cards.forEach(card => near.observe(card));
  filter();
}
follow(location.hash);
document.documentElement.dataset.ready = "true";
