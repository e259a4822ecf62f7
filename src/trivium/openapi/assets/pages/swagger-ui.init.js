"use strict";

// Starts Swagger UI with the settings that the page carries as data, since a strict
// Content-Security-Policy allows no script inside the page.
(() => {
  const element = document.getElementById("swagger-ui");
  const { url, oauth2RedirectUrl, initOAuth, parameters } = JSON.parse(element.dataset.settings);
  // URLs are relative to the page: they hold under any prefix that a proxy or a mount adds.
  const absolute = (relative) => new URL(relative, document.baseURI);

  const ui = SwaggerUIBundle({
    url: absolute(url).pathname,
    oauth2RedirectUrl: oauth2RedirectUrl && absolute(oauth2RedirectUrl).href,
    presets: [SwaggerUIBundle.presets.apis],
    ...parameters,
    domNode: element,
  });
  if (initOAuth) {
    ui.initOAuth(initOAuth);
  }
  window.ui = ui;
})();
