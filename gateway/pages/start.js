SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  // Credentials stay in the page until it is closed, so that "Try it out" works where the API wants them.
  persistAuthorization: false,
});
