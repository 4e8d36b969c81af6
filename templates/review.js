/* Judging the labels that were drawn, one at a time. Every reviewer answers without seeing the others' answers. */
const ANSWERS = ["given", "suggested", "neither", "unsure"];
const reviews = new Map(); /* by reviewer: a Map of answers by sample id, the latest last */
const own = () => reviews.get(state.reviewer.trim()) ?? new Map();
let asked = 0, askedOf = null; /* the place of the label that is shown, and who is asked */

/* Remembering: in the form in which answers are exported */
function reviewed() {
  const some = [...reviews].filter(([, answers]) => answers.size);
  return Object.fromEntries(some.map(([name, answers]) => [name, Object.fromEntries(answers)]));
}
function takeReview(content) {
  const known = new Set(data.review?.samples.map(sample => sample.id));
  let taken = 0, skipped = 0;
  for (const [name, answers] of Object.entries(Object(content))) for (const [id, answer] of Object.entries(Object(answers))) {
    if (!name.trim() || !known.has(id) || !ANSWERS.includes(answer)) { skipped += 1; continue; }
    record(name.trim(), id, answer);
    taken += 1;
  }
  return { taken, skipped };
}
function importedReview(content) {
  const { taken, skipped } = takeReview(content);
  if (taken) ask(nextOpen(0));
  return (taken ? ` Answers to the review imported: ${taken}.` : "")
    + (skipped ? ` Skipped, as no answers to the labels on this page: ${skipped}.` : "");
}
function record(name, id, answer) {
  if (!reviews.has(name)) reviews.set(name, new Map());
  reviews.get(name).delete(id);
  reviews.get(name).set(id, answer);
}

/* Asking and answering */
const nextOpen = from => {
  const { samples } = data.review, answers = own();
  const places = samples.map((_, step) => (from + step) % samples.length);
  return places.find(place => !answers.has(samples[place].id)) ?? asked;
};
const answer = word => (word !== "suggested" || data.review.samples[asked].suggested) && named(() => {
  record(state.reviewer.trim(), data.review.samples[asked].id, word);
  save();
  ask(nextOpen(asked + 1));
}, at("judging"));
/* The answer to the label that is shown; where there is none, the one given last. */
function unanswer() {
  const { samples } = data.review, answers = own(), here = samples[asked].id;
  const id = answers.has(here) ? here : [...answers.keys()].at(-1);
  if (id === undefined) return;
  answers.delete(id);
  save();
  ask(samples.findIndex(sample => sample.id === id));
}
function turn(way) { ask(Math.min(Math.max(asked + way, 0), data.review.samples.length - 1)); }
const JUDGING = {
  g: () => answer("given"), s: () => answer("suggested"), n: () => answer("neither"), c: () => answer("unsure"),
  u: unanswer, j: () => turn(1), k: () => turn(-1),
};
/* What a key does here; held down it would answer many labels. */
function judging(event) {
  const here = data.review && document.activeElement?.closest("#review") && Object.hasOwn(JUDGING, event.key);
  return here && (event.repeat ? () => {} : JUDGING[event.key]);
}

/* Showing */
const percent = share => `${(100 * share).toFixed(1)}%`;
const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;
function ask(place) {
  const { samples } = data.review, { id, label, suggested } = samples[place], answers = own();
  const holder = document.activeElement, holds = holder?.closest("#review") && !holder.matches("#before, #after, input");
  asked = place;
  askedOf = state.reviewer.trim();
  document.querySelectorAll(".question").forEach((one, number) => { one.hidden = number !== place; });
  at("place").textContent = `Label ${place + 1} of ${samples.length}`;
  at("judged").max = samples.length;
  at("judged").value = answers.size;
  at("judged-words").textContent = `${answers.size} of ${samples.length} answered`;
  at("given-label").textContent = label;
  at("suggested-label").textContent = suggested;
  at("neither-words").textContent = suggested ? "Neither is right" : "Given is wrong";
  for (const button of document.querySelectorAll("#answers [data-answer]")) {
    button.setAttribute("aria-pressed", button.dataset.answer === answers.get(id));
    if (button.dataset.answer === "suggested") button.hidden = !suggested;
  }
  at("unanswer").disabled = !answers.size;
  estimated();
  if (holds) at("judging").focus({ preventScroll: true }); /* what held the focus may be gone, and the keys with it */
}
/* Own answers count alone until they are complete, then everybody's: nothing of others' is seen before. */
function estimated() {
  const { samples } = data.review, mine = own(), all = [...reviews].filter(([, answers]) => answers.size);
  const done = samples.every(sample => mine.has(sample.id)), heard = done ? all : all.filter(([name]) => name === askedOf);
  const answers = joined(heard.map(([, one]) => one));
  const strata = data.review.strata.map((stratum, number) => (
    { ...stratum, ids: samples.filter(sample => sample.stratum === number).map(sample => sample.id) }));
  const splits = [...new Set(strata.map(stratum => stratum.split))];
  const open = strata.reduce((sum, stratum) => sum + stratum.drawn, 0) - answers.size;
  at("estimate").hidden = !mine.size;
  at("estimate-title").textContent = `Wrong labels, by the answers of ${heard.map(([name]) => name).join(", ")}`;
  at("estimate").querySelector("tbody").replaceChildren(line("All labels", strata, answers), ...splits.length > 1
    ? splits.map(split => line(split, strata.filter(stratum => stratum.split === split), answers)) : []);
  at("estimate-words").textContent = open
    ? `${counted(open, "label has", "labels have")} no answer yet. The intervals hold whatever the answers will be, so they are wide until all are given.`
    : "Every label is answered." + ([...answers.values()].includes("unsure") ? " Those that can't be told widen the intervals, since they may be right or wrong." : "");
  if (wrongShare(strata, answers).estimate === null)
    at("estimate-words").textContent += " No share is given while a group of labels, by how likely they are wrong, has no answer that tells.";
  compared(samples.map(sample => sample.id), heard);
  const others = all.length - heard.length;
  at("others").textContent = others
    ? `The answers of ${counted(others, "other reviewer", "other reviewers")} stay hidden until you have answered every label; then you see how far you agree.` : "";
}
function line(name, strata, answers) {
  const share = wrongShare(strata, answers), drawn = strata.reduce((sum, stratum) => sum + stratum.drawn, 0);
  const row = document.createElement("tr"), head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  row.append(head);
  for (const words of [share.estimate === null ? "-" : percent(share.estimate), `${percent(share.low)} to ${percent(share.high)}`, `${share.reviewed} of ${drawn}`, share.unsure]) {
    const cell = row.insertCell();
    cell.className = "number";
    cell.textContent = words;
  }
  return row;
}
/* How far reviewers agree, where they differ, and what they said of the label that is shown. */
function compared(ids, heard) {
  const pairs = heard.flatMap(([one, first], number) => heard.slice(number + 1).map(([other, second]) => [one, other, agreement(first, second)]));
  at("agreement").replaceChildren(...pairs.filter(([, , agreed]) => agreed).map(([one, other, [n, same, kappa]]) => {
    const words = document.createElement("p");
    words.dir = "auto";
    words.textContent = `${one} and ${other}: ${(100 * same).toFixed(0)}% of ${counted(n, "answer is", "answers are")} the same, Cohen's kappa ${kappa.toFixed(2)}.`;
    return words;
  }));
  const said = id => heard.filter(([, answers]) => answers.has(id)).map(([name, answers]) => [name, answers.get(id)]);
  const differing = ids.map((_, place) => place).filter(place => new Set(said(ids[place]).map(([, word]) => word)).size > 1);
  at("differing").hidden = !differing.length;
  at("differing").querySelector("span").replaceChildren(...differing.map(place => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = place + 1;
    button.setAttribute("aria-label", `Show label ${place + 1}`);
    button.addEventListener("click", () => { ask(place); goBack(at("judging")); });
    return button;
  }));
  at("said").textContent = heard.length > 1 ? said(ids[asked]).map(([name, word]) => `${name}: ${SAID[word]}`).join("; ") : "";
}
const SAID = { given: "given is right", suggested: "suggested is right", neither: "neither", unsure: "can't tell" };

/* Another name is another reviewer: the label that is seen stays, unless they have answered it. */
function asks() {
  if (state.reviewer.trim() !== askedOf) ask(own().has(data.review.samples[asked].id) ? nextOpen(0) : asked);
}
function startReview() {
  for (const one of document.querySelectorAll(".question details")) one.open = one.closest(".question").matches(".unshown");
  for (const button of document.querySelectorAll("#answers [data-answer]")) button.addEventListener("click", event => {
    if (event.detail < 2) answer(button.dataset.answer); /* a double click would answer the next label, too */
  });
  at("unanswer").addEventListener("click", unanswer);
  at("before").addEventListener("click", () => turn(-1));
  at("after").addEventListener("click", () => turn(1));
  at("export-answers").addEventListener("click", download);
  ask(nextOpen(0));
}
