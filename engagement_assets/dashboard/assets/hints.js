/* What a mark means (`data-hint`), shown on hover, focus and touch: one box for all marks of the page. A component of its own
   for each mark made Dash compare the whole page at every answer of the server. */
(() => {
    const MARGIN = 8;
    const box = document.createElement("div");
    box.className = "hint-box";
    box.setAttribute("role", "tooltip");
    box.hidden = true;
    let shown = null;

    const show = (mark) => {
        shown = mark;
        if (!mark) { box.hidden = true; return; }
        if (!box.isConnected) document.body.append(box);
        box.textContent = mark.dataset.hint;
        box.hidden = false;
        const at = mark.getBoundingClientRect(), size = box.getBoundingClientRect();
        const left = at.left + at.width / 2 - size.width / 2;
        const fits = at.bottom + MARGIN + size.height < window.innerHeight;
        box.style.left = `${Math.max(MARGIN, Math.min(left, document.documentElement.clientWidth - size.width - MARGIN))}px`;
        box.style.top = `${fits ? at.bottom + MARGIN : at.top - MARGIN - size.height}px`;
    };
    const markOf = (event) => event.target instanceof Element ? event.target.closest("[data-hint]") : null;
    const leave = (event) => { if (markOf(event) === shown) show(null); };

    document.addEventListener("mouseover", (event) => { if (markOf(event)) show(markOf(event)); });
    document.addEventListener("focusin", (event) => { if (markOf(event)) show(markOf(event)); });
    document.addEventListener("mouseout", leave);
    document.addEventListener("focusout", leave);
    document.addEventListener("click", (event) => { if (!markOf(event)) show(null); });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape") show(null); });
    document.addEventListener("scroll", () => show(null), {capture: true, passive: true});
})();
