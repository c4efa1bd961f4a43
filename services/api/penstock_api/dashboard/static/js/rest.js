// The api besides the stream: history, settings, and commands.

let csrf = null;

export class Problem extends Error {
  constructor(status, detail, more = {}) {
    super(detail);
    this.status = status;
    this.more = more;
  }
}

export async function get(path, query = {}) {
  const wanted = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== ""));
  const text = wanted.toString();
  return answer(await send(`/api/v1${path}${text ? `?${text}` : ""}`, {}));
}

const newKey = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

// A command gets a key of its own, so that one that is sent twice is carried out once.
export async function post(path, body, method = "POST", key = newKey()) {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  return answer(await send(`/api/v1${path}`, { method, headers, body: JSON.stringify(body) }));
}

// Sends a command; sent again because no answer came, it keeps its key as long as it says the same.
export function once() {
  let said = null, key = null;
  return (path, body, method = "POST") => {
    const now = JSON.stringify([path, body, method]);
    if (now !== said) [said, key] = [now, newKey()];
    return post(path, body, method, key).catch((problem) => {
      // It was answered: whoever asks again means a new one.
      if (problem.status && problem.status < 500) said = null;
      throw problem;
    });
  };
}

export async function signIn(token) {
  const found = await post("/login", { token });
  csrf = found?.csrf_token ?? null;
  return found;
}

export async function whoAmI() {
  const found = await get("/me");
  csrf = found?.csrf_token ?? csrf;
  return found;
}

async function send(path, options) {
  try {
    return await fetch(path, { ...options, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Problem(0, "the service does not answer");
  }
}

async function answer(response) {
  const found = await response.json().catch(() => null);
  if (response.ok) return found;
  const errors = found?.errors?.map((each) => `${each.field}: ${each.message}`).join("; ");
  throw new Problem(response.status, errors || found?.detail || found?.title || response.statusText, found ?? {});
}
