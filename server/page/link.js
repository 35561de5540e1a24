// Words and policies in the address, so that a link brings them: #words=sky;tree&policy=sclip&with=clip
export function readLink() {
  const fields = new URLSearchParams(location.hash.slice(1));
  return {words: fields.get("words"), policy: fields.get("policy"), other: fields.get("with")};
}

export function writeLink({words, policy, other}) {
  const fields = new URLSearchParams({words, policy, ...(other && {with: other})});
  history.replaceState(null, "", `#${fields}`);
}
