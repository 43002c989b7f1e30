// Airflow stores its chosen color scheme as "theme". For "system", or without a choice, the style sheets decide.
// A framed report has the same kind of style sheet but cannot run scripts, so this script changes the frame too.
(() => {
  const original = new Map();
  const paint = (page, chosen) => {
    const forced = { dark: "all", light: "not all" }[chosen];
    for (const rule of page.styleSheets[0]?.cssRules ?? []) {
      if (!original.has(rule) && rule.media?.mediaText.includes("color-scheme: dark")) original.set(rule, rule.media.mediaText);
      if (original.has(rule)) rule.media.mediaText = forced ?? original.get(rule);
    }
    page.documentElement.style.colorScheme = forced ? chosen : "";
  };
  const applyTheme = () => {
    try {
      const framed = [...document.querySelectorAll("iframe")].map((frame) => frame.contentDocument);
      for (const page of [document, ...framed]) if (page) paint(page, localStorage.getItem("theme"));
    } catch { /* storage is not accessible: the color scheme of the system applies */ }
  };
  applyTheme();
  addEventListener("storage", applyTheme);
  addEventListener("load", applyTheme, true); // including that of the frame
})();
