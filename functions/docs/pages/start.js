// Starts Swagger UI on the page.
SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "/openapi.json",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  // Sends the description to nobody: without this it goes to Swagger's own validator.
  validatorUrl: null,
});
