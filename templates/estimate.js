"use strict";
/* What answers to the review sample say of all labels: verdict/review.py, which names the sources, for the page.
   Answers are Maps by sample id; a stratum has its size, the number of labels drawn, and their ids on this page. */
const LEVEL = 0.95;
const logFactorials = [0];
function logFactorial(n) {
  for (let k = logFactorials.length; k <= n; k++) logFactorials.push(logFactorials[k - 1] + Math.log(k));
  return logFactorials[n];
}
/* The chance of at most so many successes of n. */
function atMost(successes, n, share) {
  let sum = 0;
  for (let k = 0; k <= successes; k++)
    sum += Math.exp(logFactorial(n) - logFactorial(k) - logFactorial(n - k) + k * Math.log(share) + (n - k) * Math.log1p(-share));
  return sum;
}
/* The largest share at which so few successes are no rarer than half of what the level leaves, by bisection. */
function upperLimit(successes, n) {
  if (successes === n) return 1;
  let low = 0, high = 1;
  for (let step = 0; step < 52; step++) {
    const middle = (low + high) / 2;
    if (atMost(successes, n, middle) > (1 - LEVEL) / 2) low = middle; else high = middle;
  }
  return high;
}
const clopperPearson = (successes, n) => [1 - upperLimit(n - successes, n), upperLimit(successes, n)];

function wrongShare(strata, answers) {
  const labels = strata.reduce((sum, stratum) => sum + stratum.size, 0);
  let estimate = 0, low = 0, high = 0, below = 0, above = 0, reviewed = 0, unsure = 0;
  for (const { size, drawn, ids } of strata) {
    const given = ids.map(id => answers.get(id)).filter(Boolean), weight = size / labels;
    const wrong = given.filter(answer => answer === "suggested" || answer === "neither").length;
    const cannotTell = given.filter(answer => answer === "unsure").length;
    const open = drawn - given.length + cannotTell, told = drawn - open;
    estimate = told && estimate !== null ? estimate + weight * wrong / told : null;
    const lowest = wrong / drawn, highest = (wrong + open) / drawn;
    low += weight * lowest;
    high += weight * highest;
    if (drawn < size) {
      below += (weight * (lowest - clopperPearson(wrong, drawn)[0])) ** 2;
      above += (weight * (clopperPearson(wrong + open, drawn)[1] - highest)) ** 2;
    }
    reviewed += given.length;
    unsure += cannotTell;
  }
  low = Math.max(0, low - Math.sqrt(below));
  high = Math.min(1, high + Math.sqrt(above));
  return { labels, estimate: estimate === null ? null : Math.min(Math.max(estimate, low), high), low, high, reviewed, unsure };
}

/* The answers of several reviewers: unsure where they differ on whether the given label is right. */
function joined(reviews) {
  const both = new Map();
  for (const review of reviews) for (const [id, answer] of review) {
    const earlier = both.get(id) ?? answer;
    const differ = earlier === "unsure" || answer === "unsure" || (earlier === "given") !== (answer === "given");
    both.set(id, differ ? "unsure" : earlier);
  }
  return both;
}

/* [samples both answered, share of the same answers, Cohen's kappa]; null where there are none. */
function agreement(one, other) {
  const common = [...one.keys()].filter(id => other.has(id)), n = common.length;
  if (!n) return null;
  const same = common.filter(id => one.get(id) === other.get(id)).length / n;
  const count = (review, answer) => common.filter(id => review.get(id) === answer).length;
  const chance = ANSWERS.reduce((sum, answer) => sum + count(one, answer) * count(other, answer), 0) / n ** 2;
  return [n, same, chance === 1 ? 1 : (same - chance) / (1 - chance)];
}
