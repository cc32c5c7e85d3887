// Texts are asked of every model, and their answers shown beside each other; whatever comes from outside is put in as
// text, never as markup.
"use strict";

const byId = (id) => document.getElementById(id);
const made = (tag, text = "", kind = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
};
const percent = (share) => `${(100 * share).toFixed(1)} %`;

let models = [];
let asked = 0; // the newest question: older answers are not shown

const headers = () => {
  const all = { "Content-Type": "application/json" };
  if (byId("token").value) all.Authorization = `Bearer ${byId("token").value}`;
  return all;
};

const say = (text, bad = false) => {
  byId("status").textContent = text;
  byId("status").classList.toggle("bad", bad);
};

const nameOf = (model) => model.name.split("/").map(encodeURIComponent).join("/");

/** One model's lists of predictions, one list a mask. Throws an Error with the server's sentence. */
const ask = async (model, text, targets) => {
  const parameters = targets.length ? { targets, top_k: Math.min(5, targets.length) } : { top_k: 5 };
  // Models may have other mask tokens than the first one's, which the text is written with.
  const inputs = text.split(models[0].mask_token).join(model.mask_token);
  const response = await fetch(`models/${nameOf(model)}`, { method: "POST", headers: headers(), body: JSON.stringify({ inputs, parameters }) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return Array.isArray(answer[0]) ? answer : [answer];
};

/** The asked text with a prediction in the place of one of its masks; null where it has no such mask. */
const withWord = (text, mask, word) => {
  const token = models[0].mask_token;
  const parts = text.split(token);
  if (mask + 1 >= parts.length) return null;
  const before = parts.slice(0, mask + 1).join(token);
  const after = parts.slice(mask + 1).join(token);
  return word.startsWith("##") ? before.trimEnd() + word.slice(2) + after : before + word + after;
};

/** Into the text that was asked, whatever another click made of it since. */
const put = (text, mask, word, sequence) => {
  const whole = sequence ?? withWord(text, mask, word);
  byId("text").focus();
  if (whole === null) return say(`"${word}" was not put in: this text has no such mask.`, true);
  byId("text").value = whole;
  if (whole.includes(models[0].mask_token)) fill();
  else say(`"${word}" was put in.`);
};

const show = (model, masks, text) => {
  const answer = made("div", "", "answer");
  answer.append(made("h2", model.name));
  masks.forEach((predictions, mask) => {
    if (masks.length > 1) answer.append(made("h3", `mask ${mask + 1}`));
    const list = made("ol");
    for (const prediction of predictions) {
      const word = prediction.token_str.trim();
      const button = made("button");
      button.type = "button";
      button.setAttribute("aria-label", `${word}, ${percent(prediction.score)}: put it in`);
      const bar = made("span", "", "bar");
      const part = made("span");
      part.style.width = `${100 * prediction.score}%`;
      bar.append(part);
      button.append(made("span", word, "word"), bar, made("span", percent(prediction.score), "share"));
      button.addEventListener("click", () => put(text, mask, word, masks.length === 1 ? prediction.sequence : null));
      const item = made("li");
      item.append(button);
      list.append(item);
    }
    answer.append(list);
  });
  return answer;
};

/** Words whose share differs most between the first model and the last, for one mask. */
const compare = (answers) => {
  const section = byId("difference");
  const list = section.querySelector("ul");
  list.replaceChildren();
  section.hidden = true;
  if (answers.length < 2 || answers.some((masks) => masks.length !== 1)) return;
  const [first, last] = [answers[0][0], answers[answers.length - 1][0]];
  const shares = new Map();
  for (const [at, predictions] of [first, last].entries())
    for (const p of predictions) {
      const word = p.token_str.trim();
      if (!shares.has(word)) shares.set(word, [null, null]);
      shares.get(word)[at] = p.score;
    }
  const apart = ([, [a, b]]) => Math.abs((a ?? 0) - (b ?? 0));
  const words = [...shares].sort((a, b) => apart(b) - apart(a)).slice(0, 3);
  const told = (share) => (share === null ? "not among the first" : percent(share));
  for (const [word, [a, b]] of words)
    list.append(made("li", `${word}: ${told(a)} to ${models[0].name}, ${told(b)} to ${models[models.length - 1].name}`));
  section.hidden = words.length === 0;
};

const fill = async () => {
  const text = byId("text").value;
  if (!models.length || !text.trim()) return;
  const number = ++asked;
  const targets = byId("targets").value.split(",").map((word) => word.trim()).filter(Boolean);
  say("…");
  // Also where a model trains: it answers between two updates.
  const late = setTimeout(() => number === asked && say("The model is at work: it answers when it is free."), 3000);
  try {
    const answers = await Promise.all(models.map((model) => ask(model, text, targets)));
    if (number !== asked) return;
    byId("answers").replaceChildren(...answers.map((masks, i) => show(models[i], masks, text)));
    compare(answers);
    const first = answers[0][0][0];
    say(first ? `${models[0].name}: ${first.token_str.trim()}, ${percent(first.score)}` : "");
  } catch (error) {
    if (number !== asked) return;
    byId("answers").replaceChildren();
    byId("difference").hidden = true;
    say(error.message || "The server does not answer.", true);
  } finally {
    clearTimeout(late);
  }
};

const losses = []; // [update, training loss]
const evaluations = []; // [update, loss]

const drawn = (tag, attributes, text = "") => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
};

/** At most 200 points, each the mean of those that it stands for. */
const thinned = (points) => {
  const parts = Math.min(200, points.length);
  const means = [];
  for (let i = 0; i < parts; ++i) {
    const some = points.slice(Math.floor((i * points.length) / parts), Math.floor(((i + 1) * points.length) / parts));
    means.push([some[some.length - 1][0], some.reduce((sum, [, loss]) => sum + loss, 0) / some.length]);
  }
  return means;
};

const draw = () => {
  const training = thinned(losses);
  const all = [...training, ...evaluations];
  if (all.length < 2) return;
  const right = Math.max(...all.map((p) => p[0]));
  const low = Math.min(...all.map((p) => p[1]));
  const high = Math.max(...all.map((p) => p[1]));
  const x = (step) => (50 + (step / (right || 1)) * 580).toFixed(1);
  const y = (loss) => (210 - ((loss - low) / (high - low || 1)) * 190).toFixed(1);
  const line = (points) => points.map(([step, loss], i) => `${i ? "L" : "M"}${x(step)} ${y(loss)}`).join("");
  const svg = byId("curve");
  svg.replaceChildren(
    drawn("line", { x1: 50, x2: 630, y1: 210, y2: 210 }),
    drawn("text", { x: 44, y: 214, "text-anchor": "end" }, low.toFixed(2)),
    drawn("text", { x: 44, y: 24, "text-anchor": "end" }, high.toFixed(2)),
    drawn("text", { x: 50, y: 230 }, "update 0"),
    drawn("text", { x: 630, y: 230, "text-anchor": "end" }, String(right)),
    drawn("path", { d: line(training) }),
    drawn("path", { d: line(evaluations), class: "evaluation" }),
    ...evaluations.map(([step, loss]) => drawn("circle", { cx: x(step), cy: y(loss), r: 4 })),
  );
  const last = evaluations[evaluations.length - 1];
  const training_told = training.length ? `Training loss from ${training[0][1].toFixed(2)} to ${training[training.length - 1][1].toFixed(2)} at update ${right}.` : "";
  svg.setAttribute("aria-label", training_told + (last ? ` Evaluation loss ${last[1].toFixed(3)} at update ${last[0]}.` : ""));
};

let drawing = 0;
const drawSoon = () => {
  drawing ||= setTimeout(() => {
    drawing = 0;
    draw();
  }, 200);
};

const onEvent = (kind, data) => {
  if (kind === "again") {
    losses.length = evaluations.length = 0;
  } else if (kind === "update") {
    if (Number.isFinite(data.loss)) losses.push([data.step, data.loss]);
    byId("progress").textContent = `update ${data.step} · epoch ${Number(data.epoch).toFixed(2)} · loss ${Number(data.loss).toFixed(3)}`;
  } else if (kind === "evaluation" && Number.isFinite(data.eval_loss)) {
    evaluations.push([data.step, data.eval_loss]);
    byId("evaluated").textContent = `evaluation after update ${data.step} · loss ${data.eval_loss.toFixed(4)} · perplexity ${Math.exp(data.eval_loss).toFixed(2)}`;
  }
  drawSoon();
};

/** Reads server-sent events by fetch, since EventSource sends no token; a connection that breaks is made anew. */
const watch = async () => {
  byId("run").hidden = false;
  for (;;) {
    try {
      const response = await fetch("events", { headers: headers() });
      if (!response.ok) throw new Error();
      losses.length = evaluations.length = 0; // it begins at the beginning
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const blocks = (rest + part.value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const [, kind, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
          if (kind) onEvent(kind, JSON.parse(data));
        }
      }
    } catch {
      // not there now
    }
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
};

let beginning = false; // the models were asked for, and perhaps are not open yet

const begin = async () => {
  if (beginning) return;
  beginning = true;
  const late = setTimeout(() => say("The models are being opened: the page goes on by itself."), 300);
  let response;
  try {
    response = await fetch("models", { headers: headers() });
  } catch {
    return say("The server does not answer.", true);
  } finally {
    clearTimeout(late);
    beginning = false;
  }
  say("");
  for (const element of document.querySelectorAll(".secret")) element.hidden = response.status !== 401 && !byId("token").value;
  if (!response.ok) return say((await response.json()).error, true);
  const known = await response.json();
  models = known.models;
  const token = models[0].mask_token;
  byId("mask").textContent = token;
  if (!byId("text").value) byId("text").value = known.prompts[0] ?? `This is a great ${token}.`;
  const list = byId("examples").querySelector("ul");
  list.replaceChildren();
  for (const prompt of known.prompts) {
    const button = made("button", prompt);
    button.type = "button";
    button.addEventListener("click", () => { byId("text").value = prompt; fill(); });
    const item = made("li");
    item.append(button);
    list.append(item);
  }
  byId("examples").hidden = known.prompts.length === 0;
  if (known.run && byId("run").hidden) watch();
  fill();
};

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (models.length) fill();
  else begin();
});
byId("insert").addEventListener("click", () => {
  if (!models.length) return;
  const text = byId("text");
  text.setRangeText(models[0].mask_token, text.selectionStart, text.selectionEnd, "end");
  text.focus();
});
byId("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) fill();
});
let typed = 0;
byId("text").addEventListener("input", () => {
  clearTimeout(typed);
  typed = setTimeout(() => { if (models.length && byId("text").value.includes(models[0].mask_token)) fill(); }, 300);
});
begin().catch(() => say("The server does not answer.", true));
