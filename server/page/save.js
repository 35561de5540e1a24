// Hands the person at the page a file.
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), {href: URL.createObjectURL(blob), download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const stem = (fileName) => fileName.replace(/\.[^.]*$/, "") || "photo";
