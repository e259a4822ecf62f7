"use strict";

// Starts Redoc with the settings that the page carries as data, since a strict
// Content-Security-Policy allows no script inside the page.
(() => {
  const element = document.getElementById("redoc");
  const { url, options } = JSON.parse(element.dataset.settings);
  Redoc.init(new URL(url, document.baseURI).href, options, element);
})();
