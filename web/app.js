// What htmx cannot say in attributes. Pages work without any of this.
"use strict";

const body = document.body;

// What a person has opened stays open when its page is brought up to date, and a graph is not set back.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "open" && ["details", "dialog"].includes(node.localName)) &&
  !(name === "hidden" && node.dataset.name) &&
  !(name === "src" && node.src?.includes("&at="));

// What a person writes is not taken from under their hands.
const isWritten = (node) =>
  [...node.querySelectorAll("input")].some((input) => input.checked || (["note", "hold"].includes(input.name) && input.value));
let pressed = null;
let asking = null;
const isMoved = (form) => [...form.querySelectorAll("input")].some((input) => input.value !== input.defaultValue);
Idiomorph.defaults.callbacks.beforeNodeMorphed = (node, next) =>
  node !== asking &&
  !["filter", "log", "sought"].includes(node.id) &&
  !(node.matches?.(".plot.is-drawn") && node.dataset.graph === next.dataset?.graph) &&
  !(node.matches?.("form.share, form.hold") && node !== pressed && isMoved(node)) &&
  !(node.matches?.("details.insist") && next.matches?.("details.insist") && isWritten(node));

// What has changed since the page last looked: services by their names, or whatever there is.
const EVERYTHING = "*";
const changed = new Set();
document.addEventListener("sse:changed", ({ detail }) => changed.add(detail?.data ?? EVERYTHING), true);

// Nothing moves under the pointer or the keyboard: while one is on the list, it keeps its order. Of a long
// list only the rows that have changed are fetched again; the server gives all where these are too many.
const list = () => document.getElementById("services");
const row = (name) => document.getElementById(`s-${name}`);
const listed = () => [...(list()?.querySelectorAll("[data-name]") ?? [])];
const isUsed = (element) => element?.matches(":hover") || element?.contains(document.activeElement);
body.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "follow") return;
  const names = [...changed];
  changed.clear();
  if (names.length && names.every(row)) detail.parameters.only = names.join(",");
  if (isUsed(list())) detail.parameters.keep = listed().map((one) => one.dataset.name).join(",");
});

// Rows that came alone have their place among the others, and the counts and the title follow from all.
const comesBefore = (a, b) =>
  a.dataset.place === b.dataset.place ? a.dataset.name < b.dataset.name : a.dataset.place < b.dataset.place;
const arrange = () => {
  if (isUsed(list())) return;
  const all = listed();
  for (const [at, one] of all.entries()) {
    const isInPlace = (!at || comesBefore(all[at - 1], one)) && (at === all.length - 1 || comesBefore(one, all[at + 1]));
    if (!isInPlace) list().insertBefore(one, listed().find((other) => other !== one && comesBefore(one, other)) ?? null);
  }
};
const recount = () => {
  const count = (mark) => listed().filter((one) => one.dataset.mark === mark).length;
  const told = (part) => [...part.childNodes].map((node) => node.textContent).join("").slice(2);
  const title = [];
  for (const part of document.querySelectorAll("#counts [data-mark]")) {
    const number = count(part.dataset.mark);
    part.hidden = !number;
    part.querySelector("b").textContent = number;
    part.querySelector("span").textContent = number === 1 ? part.dataset.one : part.dataset.many;
    if (number && part.dataset.mark === "trouble") title.push(told(part));
    if (number && part.dataset.mark === "ready") title.push(`${number} ready`);
  }
  document.title = `${title[0] ?? "All quiet"} · Rocket Launcher`;
  const first = listed().reduce((a, b) => (b.dataset.place < a.dataset.place ? b : a));
  document.getElementById("live").dataset.mark = first.dataset.mark;
};
body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.xhr?.getResponseHeader("hx-reswap") !== "none" || !listed().length) return;
  arrange();
  recount();
  setIcon();
});

// The list shows what is sought, as one types.
const filter = () => document.getElementById("filter");
const sift = () => {
  const sought = filter()?.value.trim().toLowerCase();
  if (sought === undefined) return;
  for (const row of document.querySelectorAll("#services [data-name]")) {
    const names = row.querySelector(".name").textContent;
    row.hidden = !names.includes(sought);
  }
  const unmatched = document.getElementById("unmatched");
  if (!unmatched) return;
  unmatched.hidden = listed().some((row) => !row.hidden);
  unmatched.querySelector("b").textContent = sought;
};
body.addEventListener("input", ({ target }) => {
  if (target.id === "filter") sift();
});
body.addEventListener("htmx:afterSwap", sift);

// A slider and the number beside it say the same.
body.addEventListener("input", ({ target }) => {
  const share = target.closest(".share");
  if (!share || target.value === "" || !["slider", "weight"].includes(target.name)) return;
  for (const input of share.querySelectorAll("[name=slider], [name=weight]")) input.value = target.value;
});

// A press is sent once it is known that somebody answers: a browser would show a page of its own else, and what was
// written here would be gone. Where nobody does, nothing is sent later by itself.
const ANSWERS_WITHIN = 5_000;
const LOOK_AGAIN = 1_000;
const unsent = document.getElementById("unsent");
const isThere = () =>
  fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(ANSWERS_WITHIN) }).then(({ ok }) => ok, () => false);
const tellWhenBack = async () => {
  const told = unsent.querySelector("[role=status]");
  told.textContent = "";
  while (unsent.open && !(await isThere())) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
  told.textContent = "It answers again.";
};
const whenThere = async (form, send) => {
  if (form.ariaBusy === "true") return;
  form.ariaBusy = "true";
  const is = await isThere();
  form.ariaBusy = null;
  if (is) {
    send();
    return;
  }
  unsent.returnValue = "";
  unsent.onclose = () => unsent.returnValue === "again" && whenThere(form, send);
  unsent.showModal();
  tellWhenBack();
};

// A press that changes production is asked about first, with the service and the version. Without any of this its
// form leads to a page that asks. What is asked about stays as it was shown, so that a yes means what was read.
const asked = document.getElementById("asked");
const ask = (form, yes) => {
  const words = form.dataset.sure.replace("{share}", form.elements.weight?.value);
  asked.querySelector("h2").textContent = `${words}?`;
  asked.querySelector("p").textContent = form.dataset.told;
  asked.querySelector("[value=yes]").textContent = words;
  asked.returnValue = "";
  asking = form;
  asked.onclose = () => {
    asking = null;
    if (asked.returnValue === "yes" && form.isConnected) yes();
  };
  asked.showModal();
};
const issueSure = (form, issue) => {
  const sure = document.createElement("input");
  Object.assign(sure, { type: "hidden", name: "sure", value: "true" });
  form.append(sure);
  issue();
  sure.remove();
};
body.addEventListener("htmx:confirm", (event) => {
  const { elt: form, issueRequest } = event.detail;
  if (!form.matches?.("form[hx-post]")) return;
  event.preventDefault();
  const issue = () => issueRequest(true);
  if (form.dataset.sure) ask(form, () => whenThere(form, () => issueSure(form, issue)));
  else whenThere(form, issue);
});

// Keys: none does more than go somewhere.
const rows = () => {
  const lines = list() ? "#services .row:not([hidden])" : "#main .list > li:has(a), #main .sheet tr:has(a)";
  return [...document.querySelectorAll(lines)];
};
const current = () => rows().findIndex((row) => row.contains(document.activeElement));
const step = (by) => {
  const all = rows();
  const at = current();
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  next?.querySelector("a, button, summary")?.focus();
};
const keys = {
  "/": () => (filter() ?? document.getElementById("jump"))?.focus(),
  j: () => step(1),
  k: () => step(-1),
  d: () => (rows()[current()] ?? document).querySelector(".go:not(:disabled)")?.focus(),
  h: () => document.querySelector(".home").click(),
  "?": () => document.getElementById("keys")?.showModal(),
};
const writes = (element) => element?.closest("input, textarea, select, [contenteditable]");
document.addEventListener("keydown", (event) => {
  // Where one types into a terminal, keys mean nothing else: neither before it begins nor when it has ended.
  if (document.getElementById("terminal")) return;
  if (event.key === "Escape" && writes(event.target)) event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || writes(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// A log grows as it is printed; what is sought is shown of it as one types, and of all of it when one asks; its end stays in sight while one looks at it.
const LOG_LINES = 5000;
body.classList.add("has-script");
const log = document.querySelector("#log .log");
const find = document.getElementById("find");
const hides = (line) => Boolean(find?.value) && !line.textContent.toLowerCase().includes(find.value.trim().toLowerCase());
const part = (name, text, type) => {
  const element = document.createElement(type);
  if (name) element.className = name;
  element.textContent = text;
  return element;
};
const print = ({ at, who, text, noted }) => {
  const line = part(noted ? "noted" : "", "", "li");
  line.append(part("", at, "time"), " ", part("of", who, "span"), " ", part("", text, "span"));
  line.hidden = hides(line);
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
  log.append(line);
  if (log.children.length > LOG_LINES) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
};
const follow = document.getElementById("log")?.dataset.follow;
if (log) log.scrollTop = log.scrollHeight;
if (log && follow) {
  const source = new EventSource(follow);
  source.addEventListener("line", ({ data }) => print(JSON.parse(data)));
  source.addEventListener("end", () => source.close());
}
find?.addEventListener("input", () => {
  for (const line of log.children) line.hidden = hides(line);
});

// The icon tells the state of production, as the title does.
const setIcon = () => {
  const icon = document.getElementById("follow")?.dataset[document.getElementById("live")?.dataset.mark];
  const link = document.querySelector("link[rel=icon]");
  if (icon && link.getAttribute("href") !== icon) link.setAttribute("href", icon);
};
body.addEventListener("htmx:afterSwap", setIcon);

// A press is answered by a page also where the answer is no; what is only looked at stays as it is then.
// While a press waits for its answer nothing else changes: its form must still be there to take it.
const look = (name = EVERYTHING) => htmx.trigger("#follow", "sse:changed", { data: name });
let missed = false;
body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const isPress = detail.requestConfig.verb === "post";
  // What was pressed is shown as it is now, whatever was written there before.
  pressed = isPress ? detail.requestConfig.elt : null;
  if (isPress && detail.xhr.status >= 400) detail.shouldSwap = true;
  if (!isPress && document.querySelector("form.htmx-request")) {
    detail.shouldSwap = false;
    missed = true;
  }
});
body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.requestConfig.verb !== "post") return;
  // What was chosen in a menu is done.
  const menu = detail.elt.closest("details.menu");
  if (menu) menu.open = false;
  if (!missed) return;
  missed = false;
  look();
});

// What was written is not left without a question, wherever one goes; sent with its own form it may go.
let sent = null;
const isWrittenOnly = (field) =>
  field.form !== sent && (field.dataset.unsaved !== undefined || field.value !== field.defaultValue);
addEventListener("beforeunload", (event) => {
  if ([...document.querySelectorAll("main textarea")].some(isWrittenOnly)) event.preventDefault();
});

// Settings that were written outlive a session that is over when they are sent: this window keeps them, and puts them
// back once where the same person finds the editor as it was then. What an answer took is not kept.
const WRITTEN = "written";
const editor = document.querySelector(".editor textarea");
const placeOf = () => `${document.querySelector(".who a").textContent} ${editor.form.getAttribute("action")}`;
const keepWritten = () => {
  const place = placeOf();
  const before = JSON.parse(sessionStorage.getItem(WRITTEN));
  const goesOn = editor.dataset.unsaved !== undefined && before?.place === place;
  const was = goesOn ? before.was : editor.defaultValue;
  sessionStorage.setItem(WRITTEN, JSON.stringify({ place, was, is: editor.value }));
};
const putBack = () => {
  const kept = JSON.parse(sessionStorage.getItem(WRITTEN));
  const isTaken = document.querySelector("#flash.done") !== null;
  const isHere = editor && editor.dataset.unsaved === undefined && kept?.place === placeOf();
  if (isTaken || isHere) sessionStorage.removeItem(WRITTEN);
  if (isTaken || !isHere || kept.was !== editor.defaultValue) return;
  editor.value = kept.is;
  editor.dispatchEvent(new Event("input", { bubbles: true }));
};
// Only then does the editor hear that its text is another one.
body.addEventListener("htmx:load", putBack, { once: true });
body.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.elt !== editor || detail.xhr.status !== 401) return;
  keepWritten();
  sent = editor.form;
});

// A press that leads to another page counts once; who comes back to this one sees it as it is then.
const known = new WeakSet();
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.getAttribute("method") !== "post" || form.hasAttribute("hx-post")) return;
  if (!known.has(form)) {
    event.preventDefault();
    whenThere(form, () => {
      known.add(form);
      // What was pressed may have been made anew meanwhile.
      form.requestSubmit(submitter?.form === form ? submitter : null);
    });
    return;
  }
  sent = form;
  if (form === editor?.form) keepWritten();
  // What the pressed button says is sent along, so it must not be disabled before that.
  setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  });
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) location.reload();
});

// While something moves that no event tells each step of, the page looks by itself.
setInterval(() => {
  const moving = [...document.querySelectorAll("[data-moves]")];
  if (document.hidden || !moving.length) return;
  moving.forEach((one) => changed.add(one.dataset.name ?? EVERYTHING));
  look(moving[0].dataset.name);
}, 1000);

// Graphs grow by themselves. What is there stays until the next one has come.
const GRAPHS_EVERY = 10_000;
setInterval(() => {
  if (document.hidden) return;
  for (const graph of document.querySelectorAll("img[data-graph]")) {
    graph.src = `${graph.dataset.graph}&at=${Math.floor(Date.now() / GRAPHS_EVERY)}`;
  }
}, GRAPHS_EVERY);

// A page that hears nothing says so.
const away = (is) => () => body.classList.toggle("is-away", is);
body.addEventListener("htmx:sseError", away(true));
body.addEventListener("htmx:sendError", away(true));
body.addEventListener("htmx:sseOpen", away(false));

// A command is copied by a press; where the browser does not let us, it is selected.
document.addEventListener("click", ({ target }) => {
  const from = document.getElementById(target.dataset?.copy);
  if (!from) return;
  const select = () => getSelection().selectAllChildren(from);
  const copied = () => {
    target.textContent = "Copied";
  };
  if (navigator.clipboard) navigator.clipboard.writeText(from.textContent).then(copied, select);
  else select();
});

// Where one is is in sight among the pages, too.
document.querySelector(".pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });

// A menu closes when one turns away from it.
document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
});
