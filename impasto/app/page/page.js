// Accessible names for pictures, the chosen style in galleries, the view of results, and the keyboard for sliders
// and numbers.
() => {
  const STEPS = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };

  const labelOf = (element) => {
    const label = element.closest(".block")?.querySelector("[data-testid=block-label]");
    return label ? label.textContent.trim() : "";
  };

  const describe = (picture) => {
    const label = labelOf(picture);
    const side = [...picture.parentElement.querySelectorAll("[data-testid=imageslider-image]")].indexOf(picture);
    const words = side < 0 ? label : `${label}: ${["the photo", "the picture"][side]}`;
    if (words) picture.alt = words;
  };

  const captionOf = (thumbnail) => thumbnail.querySelector(".caption-label")?.textContent.trim();

  const set = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };

  const nameThumbnails = () => {
    for (const thumbnail of document.querySelectorAll(".pictures .thumbnail-item")) {
      const caption = captionOf(thumbnail);
      if (caption) set(thumbnail, "aria-label", caption);
    }
  };

  // scrolls sideways only: the page stays where it is
  const show = (thumbnail) => {
    const strip = thumbnail.closest(".grid-container");
    const [inner, outer] = [thumbnail.getBoundingClientRect(), strip.getBoundingClientRect()];
    if (inner.right > outer.right || inner.left < outer.left) strip.scrollLeft += inner.left - outer.left;
  };

  // which style is chosen in each gallery; the lists of styles tell it
  const mark = () => {
    for (const [gallery, title] of Object.entries(window.impastoChosen ?? {})) {
      for (const thumbnail of document.querySelectorAll(`${gallery} .thumbnail-item`)) {
        const chosen = String(captionOf(thumbnail) === title);
        if (chosen === "true" && thumbnail.getAttribute("aria-pressed") !== chosen) show(thumbnail);
        set(thumbnail, "aria-pressed", chosen);
      }
    }
  };
  window.impastoMark = mark;

  const placeOf = (slider) => {
    const way = slider.parentElement.getBoundingClientRect();
    const handle = slider.getBoundingClientRect();
    const middle = handle.left + handle.width / 2;
    return { way, share: (middle - way.left) / way.width, middle, height: handle.top + handle.height / 2 };
  };

  const tell = (slider) => {
    const percent = String(Math.round(100 * Math.min(1, Math.max(0, placeOf(slider).share))));
    if (slider.getAttribute("aria-valuenow") !== percent) slider.setAttribute("aria-valuenow", percent);
  };

  // the slider reacts to the mouse only: a new place is turned into a short drag
  const drag = (slider, share) => {
    const { way, middle, height } = placeOf(slider);
    const target = way.left + way.width * share;
    const at = (x) => ({ bubbles: true, cancelable: true, view: window, clientX: x, clientY: height });
    const handle = slider.querySelector(".inner") ?? slider;
    handle.dispatchEvent(new MouseEvent("mousedown", at(middle)));
    window.dispatchEvent(new MouseEvent("mousemove", at(target)));
    window.dispatchEvent(new MouseEvent("mouseup", at(target)));
  };

  const move = (slider, step) => drag(slider, Math.min(0.98, Math.max(0.02, placeOf(slider).share + step)));

  const onHold = (button, change) => {
    for (const name of ["pointerdown", "keydown"]) {
      button.addEventListener(name, (event) => {
        if (name === "keydown" && ![" ", "Enter"].includes(event.key)) return;
        event.preventDefault();
        if (event.pointerId !== undefined) button.setPointerCapture(event.pointerId);
        change(true);
      });
    }
    for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) button.addEventListener(name, () => change(false));
    button.addEventListener("contextmenu", (event) => event.preventDefault());
  };

  // the slider zooms by the wheel, in steps of a twentieth: a button is turned into as many steps as are needed
  const showPixels = (block) => {
    const reset = block.querySelector("button[aria-label=Undo]:not([disabled])");
    if (reset) return reset.click();
    const picture = block.querySelector("[data-testid=imageslider-image]");
    const { left, top, width, height } = picture.getBoundingClientRect();
    const scale = picture.naturalWidth / width;
    const place = { bubbles: true, cancelable: true, deltaY: -1, clientX: left + width / 2, clientY: top + height / 2 };
    for (let step = Math.round(Math.log(scale) / Math.log(1.05)); step > 0; step--) {
      picture.dispatchEvent(new WheelEvent("wheel", place));
    }
  };

  const addButton = (bar, words, text) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "view", title: words, ariaLabel: words, textContent: text });
    bar.prepend(button);
    return button;
  };

  const addView = (bar) => {
    const block = bar.closest(".block");
    addButton(bar, "Picture at its own pixels, and back (1:1)", "1:1").addEventListener("click", () => showPixels(block));
    onHold(addButton(bar, "Hold to see the photo", "Photo"), (held) => block.classList.toggle("photo-only", held));
  };

  const equip = (slider) => {
    const words = { role: "slider", tabindex: 0, "aria-label": labelOf(slider), "aria-valuemin": 0, "aria-valuemax": 100 };
    for (const [name, value] of Object.entries(words)) slider.setAttribute(name, value);
    slider.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (step === undefined) return;
      event.preventDefault();
      move(slider, step);
    });
    new MutationObserver(() => tell(slider)).observe(slider, { attributeFilter: ["style"] });
    tell(slider);
  };

  // an accessible name holds the text that is seen
  const nameUploads = () => {
    for (const button of document.querySelectorAll(".block button:has(input[type=file]), .block button.boundedheight")) {
      const text = button.textContent.replace(/\s+/g, " ").trim();
      if (text) set(button, "aria-label", `${labelOf(button)}: ${text}`);
    }
    document.querySelectorAll(".empty[aria-label]").forEach((element) => set(element, "role", "img"));
  };

  const mend = () => {
    nameUploads();
    nameThumbnails();
    mark();
    document.querySelectorAll('.block img[alt=""]').forEach(describe);
    document.querySelectorAll("[data-testid=slider]:not([role=slider])").forEach(equip);
    document.querySelectorAll(".image-container:has([role=slider]) > .icon-button-wrapper:not(:has(.view))").forEach(addView);
    document.querySelectorAll(".block [role=textbox]:not([aria-label])").forEach((field) => {
      const label = labelOf(field);
      if (label) field.setAttribute("aria-label", label);
    });
  };

  // a number field reports its value when it loses the focus: Enter counts as that
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches?.("input[type=number]")) return;
    event.target.blur();
    event.target.focus();
  });

  // a range slider reports its value when the mouse is released: a key counts as that
  document.addEventListener("keyup", (event) => {
    if (!event.target.matches?.("input[type=range]") || !/^(Arrow|Page|Home|End)/.test(event.key)) return;
    event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  });

  // a job goes on without the page, but whoever leaves by mistake would not see its end
  window.addEventListener("beforeunload", (event) => {
    if (!window.impastoLeaves && document.querySelector("#stop, #stop-video, #stop-batch, #enough")) event.preventDefault();
  });

  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
}
