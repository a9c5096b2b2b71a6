// What Gradio's components leave out: words for pictures, and the keyboard for sliders.
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

  // the slider knows the mouse only: a key is a short drag
  const move = (slider, step) => {
    const { way, share, middle, height } = placeOf(slider);
    const target = way.left + way.width * Math.min(0.98, Math.max(0.02, share + step));
    const at = (x) => ({ bubbles: true, cancelable: true, view: window, clientX: x, clientY: height });
    const handle = slider.querySelector(".inner") ?? slider;
    handle.dispatchEvent(new MouseEvent("mousedown", at(middle)));
    window.dispatchEvent(new MouseEvent("mousemove", at(target)));
    window.dispatchEvent(new MouseEvent("mouseup", at(target)));
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

  const mend = () => {
    document.querySelectorAll('.block img[alt=""]').forEach(describe);
    document.querySelectorAll("[data-testid=slider]:not([role=slider])").forEach(equip);
    document.querySelectorAll(".block [role=textbox]:not([aria-label])").forEach((field) => {
      const label = labelOf(field);
      if (label) field.setAttribute("aria-label", label);
    });
  };

  // a bar is let go by the mouse only: a key counts as that
  document.addEventListener("keyup", (event) => {
    if (!event.target.matches?.("input[type=range]") || !/^(Arrow|Page|Home|End)/.test(event.key)) return;
    event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  });

  new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
  mend();
}
