/* Resolves when every chart of the page is drawn, or after some four seconds where one is not: what else takes time comes then. */
window.engagementDrawn = () => new Promise((resolve) => {
    let frames = 240;
    const look = () => {
        const graphs = [...document.querySelectorAll("#page .dash-graph")];
        const drawn = document.querySelector("#page h1") && graphs.every((graph) => graph.querySelector(".main-svg"));
        if (drawn || !--frames) resolve();
        else window.requestAnimationFrame(look);
    };
    look();
});
