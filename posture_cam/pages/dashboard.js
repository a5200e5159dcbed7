// Keeps the page of today up to date: the state every few seconds, the rest when it has changed.
"use strict";
(() => {
  const now = document.getElementById("now");
  const body = document.getElementById("body");
  let isBusy = false;

  async function look() {
    if (isBusy || document.hidden) return;
    isBusy = true;
    try {
      const answer = await fetch("now", { cache: "no-store" });
      const news = await answer.json();
      if (news.trouble) {
        now.textContent = news.trouble;
        return;
      }
      if (now.innerHTML !== news.now) now.innerHTML = news.now;
      if (String(news.version) !== body.dataset.version) {
        const page = await fetch("today", { cache: "no-store" });
        if (!page.ok) return;
        body.innerHTML = await page.text();
        body.dataset.version = String(news.version);
      }
    } catch {
      now.textContent = "The dashboard has ended. Start it again with: posture-cam dashboard";
    } finally {
      isBusy = false;
    }
  }

  setInterval(look, 3000);
  document.addEventListener("visibilitychange", look);
})();
