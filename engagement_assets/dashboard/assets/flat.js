/* Elements of what the server sent as HTML (dashboard/flat.py), and their links, which load no page anew. */
(() => {
    const fill = (element) => { element.innerHTML = element.dataset.html; };
    const look = (node) => {
        if (!(node instanceof HTMLElement)) return;
        if (node.dataset.html !== undefined) fill(node);
        else node.querySelectorAll("[data-html]").forEach(fill);
    };
    new MutationObserver((changes) => changes.forEach((change) => {
        if (change.type === "attributes") fill(change.target);
        else change.addedNodes.forEach(look);
    })).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ["data-html"]});

    document.addEventListener("click", (event) => {
        const link = event.target instanceof Element && event.target.closest(":is([data-html], .short) a[href^='/']");
        const elsewhere = event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
        if (!link || elsewhere || event.defaultPrevented || link.hasAttribute("download") || link.target) return;
        event.preventDefault();
        const to = new URL(link.href), here = new URLSearchParams(window.location.search);
        // A list that is narrowed keeps the order it was given meanwhile.
        if (to.pathname === window.location.pathname) {
            to.searchParams.delete("sort");
            here.getAll("sort").forEach((sort) => to.searchParams.append("sort", sort));
        }
        window.history.pushState({}, "", to.pathname + to.search);
        window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
        window.scrollTo(0, 0);
    });
})();
