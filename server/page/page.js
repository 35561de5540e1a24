"use strict";
const $ = (id) => document.getElementById(id);

function tell(text, error = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", error);
}

async function segment(event) {
  event.preventDefault();
  const form = new FormData();
  form.append("photo", $("photo").files[0]);
  form.append("classes", $("words").value);
  form.append("outputs", "overlay,json");
  tell("The photo is read …");
  try {
    const answer = await fetch("v1/segment", {method: "POST", body: form});
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error.message);
    $("overlay").src = `data:${found.overlay.media_type};base64,${found.overlay.base64}`;
    $("overlay").alt = "The photo under the colours of its classes";
    $("classes").replaceChildren(...found.json.classes.filter((c) => c.pixels > 0).map((c) => {
      const item = document.createElement("li");
      item.textContent = `${c.name}: ${(100 * c.share).toFixed(1)} %`;
      return item;
    }));
    tell("");
  } catch (error) {
    tell(error.message, true);
  }
}

$("ask").addEventListener("submit", segment);
