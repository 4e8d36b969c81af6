/* The reviewer's name. What is asked for without one waits until there is one; the focus then goes back to where it was. */
let waiting = null;
function named(act, back) {
  say("");
  if (state.reviewer.trim()) {
    if (waiting?.back === back) waiting = null; /* clicked instead */
    return act();
  }
  const field = at(back === at("judging") ? "judge" : "reviewer");
  waiting = { act, back };
  if (order.has(back)) paint(back);
  say(`Enter your name first: it is recorded with each ${field === at("judge") ? "answer" : "decision"}. Enter continues, Esc goes back.`);
  field.focus();
}
function resume() {
  if (!waiting) return;
  const { act, back } = forget();
  if (!state.reviewer.trim()) return;
  if (document.activeElement === document.body) goBack(back);
  act();
}
function forget() {
  const was = waiting;
  waiting = null;
  if (was) say("");
  return was;
}
/* A name is left. Where that is by a click, the click comes first: nothing may change or move under it. */
let pressed = false;
function left() {
  if (pressed || document.activeElement?.matches(".who")) return;
  resume();
  if (data.review) asks();
}
function startNaming() {
  const fields = [...document.querySelectorAll(".who")];
  for (const field of [...fields, at("signer")]) field.value = state.reviewer;
  for (const field of fields) {
    field.addEventListener("input", () => {
      state.reviewer = field.value;
      for (const other of [...fields, at("signer")]) if (other !== field) other.value = field.value;
      save();
    });
    field.addEventListener("blur", left);
  }
  addEventListener("mousedown", event => { pressed = event.button === 0; }, true);
  addEventListener("mouseup", () => { pressed = false; }, true);
  addEventListener("click", left);
}
