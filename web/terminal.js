// A terminal in a container: bytes go both ways over a WebSocket.
"use strict";

const terminalPart = document.getElementById("terminal");
const beginForm = document.getElementById("begin");
const toldPart = document.getElementById("told");
const commandField = beginForm?.elements.command;
const STDOUT = 1;
const STDERR = 2;

// xterm.js writes its styles into elements and attributes, which the page's policy does not take. In sheets and
// properties they say the same.
const createElement = document.createElement.bind(document);
document.createElement = (name, options) => {
  if (name !== "style") return createElement(name, options);
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  const element = createElement("template");
  Object.defineProperty(element, "textContent", { set: (text) => sheet.replaceSync(text) });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
};
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
  if (name === "style") this.style.cssText = value;
  else setAttribute.call(this, name, value);
};

// Words as a shell takes them apart: blanks divide, but not in quotes.
const words = (text) =>
  [...text.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));

// The colours are the page's own, in either theme.
const theme = () => {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const ink = colour("--ink");
  return {
    background: colour("--card"), foreground: ink, cursor: ink, cursorAccent: colour("--card"),
    selectionBackground: colour("--ready-wash"), red: colour("--trouble"), green: colour("--live"),
    yellow: colour("--moving"), blue: colour("--ready"),
  };
};

let terminal = null;
let fit = null;
let socket = null;

const make = async () => {
  const [{ Terminal }, { FitAddon }] = await Promise.all([import(terminalPart.dataset.xterm), import(terminalPart.dataset.fit)]);
  const style = getComputedStyle(document.documentElement);
  terminal = new Terminal({
    theme: theme(), fontFamily: style.getPropertyValue("--mono"), fontSize: 13, scrollback: 10_000,
    minimumContrastRatio: 4.5, cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  });
  fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(terminalPart);
  fit.fit();
  // The one key that it leaves to who cannot use a pointer: to what is said of it, before which all else stands.
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.key !== "Escape" || !event.shiftKey) return true;
    if (event.type === "keydown") toldPart.focus();
    return false;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    terminal.options.theme = theme();
  });
  new ResizeObserver(() => fit.fit()).observe(terminalPart);
  const encoder = new TextEncoder();
  const isOpen = () => socket?.readyState === WebSocket.OPEN;
  terminal.onData((text) => isOpen() && socket.send(encoder.encode(text)));
  terminal.onBinary((text) => isOpen() && socket.send(Uint8Array.from(text, (char) => char.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => isOpen() && socket.send(JSON.stringify({ kind: "resize", columns: cols, rows })));
};

const tell = (text, isBad = false) => {
  toldPart.textContent = text;
  toldPart.className = isBad ? "bad" : "soft";
};
const runs = (is) => {
  for (const part of beginForm.elements) part.disabled = is;
};

const ended = {
  exit: ({ code }) => tell(code === 0 ? "It has ended." : `It has ended with status ${code}.`, code !== 0),
  over: ({ detail }) => tell(`It is over: ${detail}.`, true),
  began: () => tell("It runs."),
};

const begin = (command) => {
  const url = new URL(terminalPart.dataset.exec, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  for (const word of command) url.searchParams.append("command", word);
  url.searchParams.set("columns", terminal.cols);
  url.searchParams.set("rows", terminal.rows);
  const mine = new WebSocket(url);
  socket = mine;
  mine.binaryType = "arraybuffer";
  let told = false;
  mine.addEventListener("message", ({ data }) => {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      told ||= message.kind !== "began";
      ended[message.kind]?.(message);
      if (message.kind === "began") terminal.focus();
      return;
    }
    const bytes = new Uint8Array(data);
    if (bytes[0] === STDOUT || bytes[0] === STDERR) terminal.write(bytes.subarray(1));
  });
  mine.addEventListener("close", () => {
    if (!told) tell("The connection is gone; the command was ended. Load this page anew to see why.", true);
    runs(false);
    // And not the button, which a key that is still meant for the command would press.
    commandField.select();
  });
};

commandField?.select();
beginForm?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const command = words(commandField.value);
  if (!command.length) return;
  runs(true);
  tell("It begins.");
  if (!terminal) await make();
  terminal.reset();
  begin(command);
});
