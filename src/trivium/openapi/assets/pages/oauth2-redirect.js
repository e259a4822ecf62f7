"use strict";

// Runs in the window that Swagger UI opens for a login. The authorization server sends the window
// back here with its answer in the URL; this hands the answer to Swagger UI and closes the window.
(() => {
  const pending = window.opener && window.opener.swaggerUIRedirectOauth2;
  if (!pending) {
    document.body.textContent = "Swagger UI opens this page at the end of an OAuth2 login.";
    return;
  }
  const { auth, redirectUrl } = pending;
  const { hash, search } = window.location;
  const encoded = /code|token|error/.test(hash) ? hash.slice(1).replace("?", "&") : search.slice(1);
  const answer = {};
  for (const pair of encoded.split("&").filter(Boolean)) {
    const [name, ...value] = pair.split("=");
    answer[decodeURIComponent(name)] = decodeURIComponent(value.join("="));
  }
  const isValid = answer.state === pending.state;
  const report = (level, message) =>
    pending.errCb({ authId: auth.name, source: "auth", level, message });

  const codeFlows = ["accessCode", "authorizationCode", "authorization_code"];
  if (!codeFlows.includes(auth.schema.get("flow")) || auth.code) {
    pending.callback({ auth, token: answer, isValid, redirectUrl });
  } else {
    if (!isValid) {
      report("warning", "The login may be unsafe: the server sent back another state than it got.");
    }
    if (answer.code) {
      delete pending.state;
      auth.code = answer.code;
      pending.callback({ auth, redirectUrl });
    } else {
      const reason = answer.error
        ? [`[${answer.error}]`, answer.error_description, answer.error_uri].filter(Boolean).join(" ")
        : "The server sent back no code.";
      report("error", `Authorization failed: ${reason}`);
    }
  }
  window.close();
})();
