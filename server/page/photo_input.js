// How a photo comes: chosen, dropped anywhere on the page, or pasted.
export function takePhotos({input, buttons, body, taken}) {
  for (const button of buttons) button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length > 0) taken(input.files[0]);
    input.value = "";  // the same one may be chosen again
  });
  const hasFile = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;  // of the elements that a file is dragged over
  const over = (change) => (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    depth += change;
    body.classList.toggle("dropping", depth > 0);
  };
  body.addEventListener("dragenter", over(1));
  body.addEventListener("dragleave", over(-1));
  body.addEventListener("dragover", over(0));
  body.addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    depth = 0;
    body.classList.remove("dropping");
    if (event.dataTransfer.files.length > 0) taken(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    taken(file);
  });
}
