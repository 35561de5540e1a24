// The service as the page speaks with it: one way to ask, and every failure as a sentence for the person at the page.
const kToken = "sclip-token";
let token = sessionStorage.getItem(kToken) ?? "";

export class ServiceError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;  // 0: no answer
    this.code = code;
  }
}

export function useToken(text) {
  token = text;
  sessionStorage.setItem(kToken, text);
}

// A Response that is fine, or a ServiceError; an abort passes as it is.
export async function ask(path, options = {}) {
  const headers = {...options.headers, ...(token && {Authorization: `Bearer ${token}`})};
  let answer;
  try {
    answer = await fetch(path, {...options, headers});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError(0, "no_answer", "The service does not answer. Is sclip serve still running?");
  }
  if (answer.ok) return answer;
  let said = {code: "unknown", message: `The service answered ${answer.status} ${answer.statusText}`};
  try {
    said = (await answer.json()).error;
  } catch (error) {
    if (error.name === "AbortError") throw error;
  }
  throw new ServiceError(answer.status, said.code, said.message);
}

export async function getJson(path) {
  return (await ask(path)).json();
}

export function postJson(path, fields, signal) {
  return ask(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(fields), signal});
}

export function postForm(path, fields, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  return ask(path, {method: "POST", body, signal});
}
