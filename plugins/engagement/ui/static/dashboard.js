// Airflow keeps the colour scheme that was chosen there under the name "theme"; "system", or none, is left to the style
// sheets. A framed report has the same kind of style sheet and no script of its own.
(() => {
  const usual = new Map();
  const paint = (page, chosen) => {
    const forced = { dark: "all", light: "not all" }[chosen];
    for (const rule of page.styleSheets[0]?.cssRules ?? []) {
      if (!usual.has(rule) && rule.media?.mediaText.includes("color-scheme: dark")) usual.set(rule, rule.media.mediaText);
      if (usual.has(rule)) rule.media.mediaText = forced ?? usual.get(rule);
    }
    page.documentElement.style.colorScheme = forced ? chosen : "";
  };
  const follow = () => {
    try {
      const framed = [...document.querySelectorAll("iframe")].map((frame) => frame.contentDocument);
      for (const page of [document, ...framed]) if (page) paint(page, localStorage.getItem("theme"));
    } catch { /* storage is not to be read here: the system's scheme stays */ }
  };
  follow();
  addEventListener("storage", follow);
  addEventListener("load", follow, true); // of the frame, too
})();
