// Niceties. Every page works without this file.

const HOUR = 3600;
const DAY = 24 * HOUR;
const UNITS = [["year", 365 * DAY], ["month", 30 * DAY], ["day", DAY], ["hour", HOUR], ["minute", 60]];

// A clock that is slow makes nothing happen later than now.
function ago(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  for (const [unit, length] of UNITS) {
    if (-seconds >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return "just now";
}

// Times are written in UTC; here they become relative or local, with the exact local time on hover.
class LocalTime extends HTMLElement {
  connectedCallback() {
    const time = this.querySelector("time");
    const moment = time && new Date(time.dateTime);
    if (!moment || Number.isNaN(moment.getTime())) return;
    time.title = moment.toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
    const show = () => {
      time.textContent = this.dataset.style === "date" ? moment.toLocaleDateString() : ago(moment);
    };
    show();
    if (this.dataset.style !== "date") this.timer = setInterval(show, 60000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }
}

// Light, dark, or as the system has it; kept in a cookie so that the server sends the right page at once.
class ThemeSwitch extends HTMLElement {
  connectedCallback() {
    this.sheet = document.getElementById("dark");
    this.button = this.querySelector("button");
    this.hidden = false;
    const chosen = document.cookie.match(/(?:^|; )theme=(light|dark)/);
    this.show(chosen ? chosen[1] : "");
    this.button.addEventListener("click", () => this.choose());
  }

  choose() {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const [first, second] = dark ? ["light", "dark"] : ["dark", "light"]; // the first press shows a change
    const next = { "": first, [first]: second, [second]: "" }[this.dataset.theme || ""];
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${next}; Path=/; Max-Age=${next ? 365 * DAY : 0}; SameSite=Lax${secure}`;
    this.show(next);
  }

  show(theme) {
    if (theme) this.dataset.theme = theme;
    else delete this.dataset.theme;
    this.sheet.media = { light: "not all", dark: "all" }[theme] || "(prefers-color-scheme: dark)";
    const words = `Colours: ${theme || "as the system"}`;
    this.button.title = words;
    this.button.setAttribute("aria-label", words);
  }
}

// The editor: preview from the server's own renderer, a count, a draft that outlives the page, Ctrl-Enter.
class TextEditor extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector("textarea");
    this.form = this.closest("form");
    this.preview = this.querySelector(".preview");
    this.limit = Number(this.area.dataset.limit);
    this.querySelector("button[name=preview]").hidden = true;
    this.addCount();
    this.restore();
    this.area.addEventListener("input", () => this.changed());
    this.area.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.form.requestSubmit(this.form.querySelector("[name=submit]"));
      }
    });
    this.form.addEventListener("submit", () => this.sent());
    this.count();
    if (this.area.value.trim()) this.render();
  }

  addCount() {
    this.counter = document.createElement("p");
    this.counter.className = "editor-count";
    this.counter.id = `${this.area.id}-count`;
    this.querySelector(".editor-actions").prepend(this.counter);
  }

  get key() {
    return `draft:${this.dataset.draft}`;
  }

  // A draft comes back only into an empty form: what the server sends is newer.
  restore() {
    this.first = this.area.value;
    try {
      const draft = localStorage.getItem(this.key);
      if (draft && !this.area.value.trim()) this.area.value = draft;
    } catch { /* storage may be switched off */ }
  }

  changed() {
    this.count();
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.save(), 400);
    clearTimeout(this.rendering);
    this.rendering = setTimeout(() => this.render(), 450);
  }

  save() {
    try {
      if (this.area.value.trim() && this.area.value !== this.first) localStorage.setItem(this.key, this.area.value);
      else localStorage.removeItem(this.key);
    } catch { /* as above */ }
  }

  // The draft stays until the server says, by a cookie, that the text has arrived.
  sent() {
    clearTimeout(this.saving);
    this.save();
  }

  count() {
    const bytes = new TextEncoder().encode(this.area.value).length;
    const over = bytes > this.limit;
    this.counter.hidden = bytes === 0;
    this.counter.classList.toggle("over", over);
    this.counter.textContent = over
      ? `${(bytes - this.limit).toLocaleString()} too many`
      : `${bytes.toLocaleString()} of ${this.limit.toLocaleString()}`;
    this.counter.setAttribute("role", over ? "alert" : "note");
  }

  async render() {
    const text = this.area.value;
    if (!text.trim()) {
      this.preview.hidden = true;
      return;
    }
    const body = new URLSearchParams({ body: text, kind: this.dataset.kind });
    body.set("csrf_token", this.form.elements.csrf_token.value);
    try {
      const answer = await fetch("/preview", { method: "POST", body });
      if (!answer.ok || text !== this.area.value) return;
      this.preview.querySelector(".preview-body").innerHTML = (await answer.json()).html;
      this.preview.hidden = false;
    } catch { /* the next key tries again */ }
  }
}

// Posts that came since the page was opened are announced, not pushed into place.
class NewPosts extends HTMLElement {
  connectedCallback() {
    this.timer = setInterval(() => this.look(), 45000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  async look() {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await fetch(`/newer?after=${this.dataset.after}`);
      const { newer } = answer.ok ? await answer.json() : { newer: 0 };
      if (newer) this.announce(newer);
    } catch { /* later, perhaps */ }
  }

  announce(number) {
    const link = document.createElement("a");
    link.href = "/";
    link.textContent = number === 1 ? "1 new post" : `${number} new posts`;
    this.replaceChildren(link);
  }
}

// One thing is sent once, even if the button is pressed twice; coming back with "back" sends again.
function onceOnly(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
    setTimeout(() => delete form.dataset.sent, 4000);
  });
}

function dismissible(flash) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "×";
  button.setAttribute("aria-label", "Dismiss this message");
  button.addEventListener("click", () => flash.remove());
  flash.append(button);
}

// Follow and unfollow without leaving the place on the page: the answer is the profile as it is now.
function followInPlace(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.dataset.sent) return;
    form.dataset.sent = "1";
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!answer.ok || !page.querySelector("#follow-form")) throw new Error("not the profile");
      for (const part of [".ties", "#follow-form", "#flashes"]) {
        document.querySelector(part).replaceWith(page.querySelector(part));
      }
      prepare();
      document.querySelector("#follow-form button").focus();
    } catch {
      form.submit();
    }
  });
}

function prepare() {
  const follow = document.getElementById("follow-form");
  if (follow) followInPlace(follow);
  document.querySelectorAll(".flash").forEach(dismissible);
}

function dropSentDraft() {
  const sent = document.cookie.match(/(?:^|; )sent=([a-z0-9-]+)/);
  if (!sent) return;
  document.cookie = "sent=; Path=/; Max-Age=0";
  try { localStorage.removeItem(`draft:${sent[1]}`); } catch { /* as above */ }
}

// The place of a picture that does not come stays plain; a program that makes pictures may be away.
const PLAIN = "data:image/svg+xml,%3csvg xmlns='http://www.w3.org/2000/svg'/%3e";

function lost({ target }) {
  if (target.matches("img.avatar") && target.src !== PLAIN) target.src = PLAIN;
}

document.addEventListener("error", lost, true);
document.querySelectorAll("img.avatar").forEach((picture) => {
  if (picture.complete && !picture.naturalWidth) lost({ target: picture });
});

dropSentDraft();

// Whoever does not see the page is told at once what to mend: the first field that says what is wrong with it.
document.querySelector("main [aria-invalid=true]")?.focus();

// A passkey: the browser is asked, and its answer goes into the form as JSON (WebAuthn, level 3).
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const letters = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

function asked(options) {
  const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));
  const made = { ...options, challenge: bytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
  if (options.excludeCredentials) made.excludeCredentials = known(options.excludeCredentials);
  if (options.allowCredentials) made.allowCredentials = known(options.allowCredentials);
  return { publicKey: made };
}

function answered(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = letters(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: letters(credential.rawId), type: credential.type, response });
}

class PasskeyButton extends HTMLElement {
  connectedCallback() {
    if (!window.PublicKeyCredential) return;
    this.hidden = false;
    document.querySelector(".passkey-else")?.remove();
    this.querySelector("button").addEventListener("click", () => this.ask());
  }

  async ask() {
    const form = this.closest("form");
    const said = this.querySelector(".passkey-said");
    said.textContent = "";
    try {
      const credential = await navigator.credentials[this.dataset.kind](asked(JSON.parse(this.dataset.options)));
      form.elements[this.dataset.field].value = answered(credential);
      HTMLFormElement.prototype.submit.call(form);
    } catch {
      said.textContent = "That did not work, or you stopped it. You can try again.";
    }
  }
}

customElements.define("local-time", LocalTime);
customElements.define("passkey-button", PasskeyButton);
customElements.define("theme-switch", ThemeSwitch);
customElements.define("text-editor", TextEditor);
customElements.define("new-posts", NewPosts);
prepare();
document.querySelectorAll("form[method=post]:not(#follow-form)").forEach(onceOnly);

const menu = document.getElementById("account-menu");
if (menu) {
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
  });
}
