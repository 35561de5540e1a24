// Asks for the token where the service wants one.
import {useToken} from "./service.js";

export class TokenDialog {
  #dialog;
  #says;
  #then = () => {};

  constructor({dialog, form, field, says, cancel}) {
    this.#dialog = dialog;
    this.#says = says;
    form.addEventListener("submit", () => {
      useToken(field.value.trim());
      field.value = "";
      this.#then();
    });
    cancel.addEventListener("click", () => dialog.close());
  }

  open(error, then) {
    this.#then = then;
    this.#says.textContent = error.message;
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
