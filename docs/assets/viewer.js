// The viewer of the front page: a row of figures becomes one picture that is laid over the photo, cut by a handle.
"use strict";

function make(tag, className, attributes = {}) {
  const element = document.createElement(tag);
  element.className = className;
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  return element;
}

function bringToLife(viewer) {
  const photo = viewer.querySelector("img.photo");
  const figures = [...viewer.querySelectorAll("figure")];
  const painted = make("img", "painted", { alt: "" });
  const cut = make("input", "", { type: "range", min: 0, max: 100, value: 50, "aria-label": "Photo and painting" });
  const stage = make("div", "stage");
  const choices = make("div", "choices");
  const buttons = figures.map((figure) => {
    const button = make("button", "", { type: "button" });
    button.textContent = figure.dataset.name;
    button.addEventListener("click", () => choose(figure, button));
    return button;
  });

  function choose(figure, button) {
    const image = figure.querySelector("img");
    painted.src = image.getAttribute("src");
    painted.alt = image.alt;
    buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
  }

  cut.addEventListener("input", () => viewer.style.setProperty("--cut", `${cut.value}%`));
  stage.append(photo, painted, make("div", "handle"), cut);
  choices.append(...buttons);
  viewer.replaceChildren(stage, choices);
  viewer.classList.add("is-live");
  const first = Math.max(0, figures.findIndex((figure) => figure.dataset.name === "starry-night"));
  choose(figures[first], buttons[first]);
}

document.querySelectorAll(".viewer").forEach(bringToLife);
